"""Run the tests that reach a change and decide its verdict."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.mutants.project import Project
from tests.mutants.sources import Mutant

_NO_FAILURE = {0, 5}  # exit codes of pytest: all passed, none was left


@dataclass(slots=True)
class Judge:
    """Judges one change after another.

    Attributes:
        project: The project's copies.
        limit_s: Time limit for one change.
        watched: How often a test passed before another one failed.
        killers: How often a test failed.
    """

    project: Project
    limit_s: float
    watched: Counter[str] = field(default_factory=Counter)
    killers: Counter[str] = field(default_factory=Counter)

    def judge(self, mutant: Mutant) -> Mutant:
        """Run every test that reaches a change, until one fails; fills in the result."""
        begin_s, tests = time.monotonic(), self.project.tests_of(mutant)
        mutant.tests, mutant.result = len(tests), "survived" if tests else "not run"
        copy = self.project.copies.get()
        try:
            self._run(copy, mutant, tests, begin_s + self.limit_s)
        finally:
            self.project.copies.put(copy)
        mutant.seconds = round(time.monotonic() - begin_s, 1)
        return mutant

    def _run(self, copy: Path, mutant: Mutant, tests: Sequence[str], end_s: float) -> None:
        file, source = copy / mutant.file, self.project.sources[mutant.file]
        passed: set[str] = set()
        while left := [t for t in tests if t not in passed]:
            file.write_bytes(source.changed(mutant))
            rest_s = max(1.0, end_s - time.monotonic())
            events, code = self.project.run(copy, "-x", "--timeout=60", tests=left, limit_s=rest_s)
            file.write_bytes(source.data)
            failed = next((e["test"] for e in events if e.get("outcome") == "failed"), "")
            passed |= {e["test"] for e in events if e.get("when") == "teardown"} - {failed}
            if not failed and passed.issuperset(tests):
                return
            if time.monotonic() >= end_s or code in _NO_FAILURE:
                mutant.result, mutant.by = "unfinished", f"{len(passed)} of {len(tests)} passed"
                return
            if not failed:  # the process itself crashed, or never started
                begun = [e["test"] for e in events if e.get("outcome") == "begun"]
                failed = begun[-1] if begun else "start"
            elif "::" in failed and not self._is_real(copy, mutant, failed):
                mutant.by += f" (left out, fails at times: {failed})"
                passed.add(failed)
                continue
            mutant.result, mutant.by = "killed", failed
            self.killers[failed] += 1
            self.watched.update(passed)
            return

    def _is_real(self, copy: Path, mutant: Mutant, test: str) -> bool:
        """Whether the change makes the test fail, not chance or a busy machine."""
        if self._fails(copy, test):
            return False
        if self.project.seconds[test] < 1.0:
            return True
        file, source = copy / mutant.file, self.project.sources[mutant.file]
        file.write_bytes(source.changed(mutant))
        is_again = self._fails(copy, test)
        file.write_bytes(source.data)
        return is_again

    def _fails(self, copy: Path, test: str) -> bool:
        _, code = self.project.run(copy, "--timeout=60", tests=[test], limit_s=150)
        return code != 0
