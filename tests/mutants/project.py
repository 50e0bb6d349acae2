"""Make private copies of a project, and run tests in them."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path
from queue import Queue
from typing import Any

from tests.mutants.sources import Mutant, Source

_NOT_COPIED = shutil.ignore_patterns(
    ".git", ".venv", "out", "__pycache__", ".*_cache", ".hypothesis", "cache", "built"
)


class Project:
    """Private copies, the lines each test reaches, and how long it takes.

    Args:
        app: The project.
        room: An empty folder for the copies.
        paths: Folders of the project that may be changed.
        python: Interpreter with pytest, pytest-cov and pytest-timeout.
        jobs: Number of copies.
    """

    def __init__(
        self, app: Path, room: Path, *, paths: Sequence[str], python: str, jobs: int
    ) -> None:
        self.room, self.paths, self._python = room, paths, python
        self.copies: Queue[Path] = Queue()
        for n in range(jobs):
            shutil.copytree(app, room / f"copy{n}", ignore=_NOT_COPIED)
            self.copies.put(room / f"copy{n}")
        top = room / "copy0"
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
        shutil.copy(Path(__file__).with_name("probe.py"), room / "probe.py")
        self.seconds: dict[str, float] = {}
        self._reach: dict[tuple[str, int], set[str]] = defaultdict(set)

    def run(
        self, copy: Path, *more: str, limit_s: float, tests: Sequence[str] | None = None
    ) -> tuple[list[dict[str, Any]], int]:
        """Run pytest in a copy.

        Args:
            copy: The copy.
            more: Options of pytest.
            limit_s: Time after which the process and its children are killed.
            tests: Only these, in this order.

        Returns:
            The probe's events, in which an interrupted test has only a start; and the exit
            code.
        """
        out = self.room / f"{copy.name}.events"
        out.write_text("")
        setting = {k: v for k, v in os.environ.items() if not k.startswith(("COV", "PYTEST"))}
        setting |= {
            "PYTHONDONTWRITEBYTECODE": "1",
            "CI": "true",
            "PROBE_OUT": str(out),
            "PYTHONPATH": str(self.room),
            "OMP_NUM_THREADS": "1",
        }
        setting.pop("PROBE_TESTS", None)
        if tests is not None:
            chosen = self.room / f"{copy.name}.tests"
            chosen.write_text(json.dumps(list(tests)))
            setting["PROBE_TESTS"] = str(chosen)
            more = (*more, *sorted({t.split("::")[0] for t in tests}))
        command = [self._python, "-m", "pytest", "-p", "probe", "-p", "no:cacheprovider"]
        done = subprocess.Popen(
            [*command, f"--basetemp={self.room / copy.name}.tmp", *more],
            cwd=copy,
            env=setting,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            code = done.wait(limit_s)
        except subprocess.TimeoutExpired:
            os.killpg(done.pid, signal.SIGKILL)  # its own process group
            code = done.wait()
        return [json.loads(line) for line in out.read_text().splitlines()], code

    def look(self, more: Sequence[str]) -> list[str]:
        """Run everything once, to find the lines each test reaches and how long it takes.

        Args:
            more: Options of pytest.

        Returns:
            The tests that fail on the unchanged copy and are left out.
        """
        copy, data = self.room / "copy0", self.room / "coverage.db"
        folders = "".join(f"\n    {copy / path}" for path in (*self.paths, "tests"))
        settings = self.room / "coverage.ini"
        settings.write_text(
            f"[run]\nparallel = true\npatch = subprocess\ndata_file = {data}\nsource ={folders}\n"
        )
        options = ("--cov", f"--cov-config={settings}", "--cov-report=", "--cov-context=test")
        events, _ = self.run(copy, *options, "--continue-on-collection-errors", *more, limit_s=3600)
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
        self._read_coverage(data, copy, wide, made)
        return sorted(t for t, found in outcomes.items() if "failed" in found)

    def _read_coverage(
        self, data: Path, copy: Path, wide: dict[str, list[str]], made: dict[str, set[str]]
    ) -> None:
        """Who reaches which line; what makes a wide fixture is reached by all who use that.

        Args:
            data: Written by coverage.
            copy: Whose files were run.
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
            file = os.path.relpath(path, copy)
            for n, byte in enumerate(bits):
                for bit in range(8):
                    if byte >> bit & 1:
                        self._reach[file, 8 * n + bit] |= tests

    def tests_of(self, mutant: Mutant) -> list[str]:
        """Tests that reach a change, quickest first."""
        first, last = mutant.span or (1, 0)
        lines = {(mutant.file, n) for n in range(first, last + 1)}
        if not mutant.span and not mutant.names:  # a bare statement at import
            lines = {place for place in self._reach if place[0] == mutant.file}
        names, seen = list(mutant.names), set()
        while names:
            name = names.pop()
            if name not in seen:
                seen.add(name)
                lines |= self._uses[name]
                names.extend(self._makes[name])
        tests: set[str] = set().union(*(self._reach.get(line, set()) for line in lines))
        return sorted(tests, key=lambda t: (self.seconds[t], t))
