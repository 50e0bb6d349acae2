"""Which tests reach which line, and how long each takes."""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path

from tests.mutants.copies import Copies
from tests.mutants.sources import Mutant, Source


class Project:
    """The lines each test of a project reaches, and how long it takes.

    Args:
        copies: Private copies of the project.
        paths: Folders of the project that may be changed.
    """

    def __init__(self, copies: Copies, paths: Sequence[str]) -> None:
        self._copies, self.paths = copies, paths
        top = copies.first
        self.sources: dict[str, Source] = {}
        for path in (*paths, "tests"):
            for found in sorted((top / path).rglob("*.py")):
                file = str(found.relative_to(top))
                self.sources[file] = Source(file, found.read_text("utf-8"))
        self._uses: dict[str, set[tuple[str, int]]] = defaultdict(set)
        self._makes: dict[str, set[str]] = defaultdict(set)
        for source in self.sources.values():
            for name, line in source.uses:
                self._uses[name].add((source.file, line))
            for name, made in source.makes:
                self._makes[name].update(made)
        self.seconds: dict[str, float] = {}
        self._reach: dict[tuple[str, int], set[str]] = defaultdict(set)

    def look(self, more: Sequence[str]) -> list[str]:
        """Run everything once, to find the lines each test reaches and how long it takes.

        Args:
            more: Options of pytest.

        Returns:
            The tests that fail on the unchanged copy and are left out.
        """
        room = self._copies.room
        data, settings = room / "coverage.db", room / "coverage.ini"
        folders = "".join(f"\n    {self._copies.first / path}" for path in (*self.paths, "tests"))
        settings.write_text(
            f"[run]\nparallel = true\npatch = subprocess\ndata_file = {data}\nsource ={folders}\n"
        )
        options = ["--cov", f"--cov-config={settings}", "--cov-report=", "--cov-context=test"]
        options += ["--continue-on-collection-errors", *more]
        events = self._copies.run_all(options, limit_s=3600)
        wide: dict[str, list[str]] = {e["test"]: e["wide"] for e in events if "wide" in e}
        made: dict[str, set[str]] = defaultdict(set)
        seconds: Counter[str] = Counter()
        outcomes: dict[str, set[str]] = defaultdict(set)
        for event in events:
            if "made" in event:
                made[event["test"]].add(event["made"])
            if "outcome" in event:
                seconds[event["test"]] += event["seconds"]
                outcomes[event["test"]].add(event["outcome"])
        good = {"begun", "passed"}
        self.seconds = {t: seconds[t] for t, found in outcomes.items() if found == good}
        self._read_coverage(data, wide, made)
        return sorted(t for t, found in outcomes.items() if "failed" in found)

    def _read_coverage(
        self, data: Path, wide: dict[str, list[str]], made: dict[str, set[str]]
    ) -> None:
        """Who reaches which line; what makes a wide fixture is reached by all who use that.

        Args:
            data: Written by coverage.
            wide: The fixtures of each test that serve several.
            made: Those of them that were made during its setup.
        """
        users: dict[str, set[str]] = defaultdict(set)
        for test, names in wide.items():
            for name in names:
                users[name].add(test)
        with sqlite3.connect(data) as db:
            rows = db.execute(
                "SELECT path, context, numbits FROM line_bits JOIN file ON file.id = file_id "
                "JOIN context ON context.id = context_id"
            ).fetchall()
        for path, context, bits in rows:
            test, _, phase = context.rpartition("|") if "|" in context else (context, "", "")
            shared = made.get(test, ()) if phase == "setup" else ()
            tests = {test}.union(*(users[name] for name in shared)) & self.seconds.keys()
            file = os.path.relpath(path, self._copies.first)
            for n, byte in enumerate(bits):
                for bit in range(8):
                    if byte >> bit & 1:
                        self._reach[file, 8 * n + bit] |= tests

    def save(self, file: Path) -> None:
        """Keep what ``look`` found, and in which sources."""
        reach = [[*place, sorted(tests)] for place, tests in self._reach.items()]
        found = {"sources": self._checksum(), "seconds": self.seconds, "reach": reach}
        file.write_text(json.dumps(found))

    def load(self, file: Path) -> None:
        """Take what ``look`` found before.

        Raises:
            ValueError: In other sources, or the file is of another kind.
        """
        found = json.loads(file.read_text())
        if found.get("sources") != self._checksum():
            raise ValueError("it was found in other sources")
        self.seconds = found["seconds"]
        for path, line, tests in found["reach"]:
            self._reach[path, line] = set(tests)

    def _checksum(self) -> str:
        found = hashlib.sha256()
        for name, source in self.sources.items():
            found.update(f"{name} {len(source.data)} ".encode() + source.data)
        return found.hexdigest()

    def tests_of(self, mutant: Mutant) -> list[str]:
        """Tests that reach a change, quickest first."""
        first, last = mutant.span or (1, 0)
        lines = {(mutant.file, n) for n in range(first, last + 1)}
        names, seen = list(mutant.names), set()
        while names:
            name = names.pop()
            if name not in seen:
                seen.add(name)
                lines |= self._uses[name]
                names.extend(self._makes[name])
        if not lines:  # no function uses it, but the import does it
            lines = {place for place in self._reach if place[0] == mutant.file}
        tests: set[str] = set().union(*(self._reach.get(line, set()) for line in lines))
        return sorted(tests, key=lambda t: (self.seconds[t], t))
