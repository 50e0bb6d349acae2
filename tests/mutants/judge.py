"""Run the tests that reach a change and decide its verdict."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import accumulate
from pathlib import Path

from tests.mutants.copies import Copies
from tests.mutants.project import Project
from tests.mutants.sources import Mutant

_PORTIONS_S = (3.0, 10.0, 30.0)  # a portion's files are read before its tests run
_NO_FAILURE = {0, 5}  # exit codes of pytest: all passed, none was left


@dataclass(slots=True)
class Judge:
    """Judges one change after another.

    Attributes:
        copies: Of the project.
        project: Which tests reach what.
        limit_s: Time limit for one change.
        watched: How often a test passed before another one failed.
        killers: How often a test failed.
    """

    copies: Copies
    project: Project
    limit_s: float
    watched: Counter[str] = field(default_factory=Counter)
    killers: Counter[str] = field(default_factory=Counter)

    def judge(self, mutant: Mutant) -> Mutant:
        """Run the tests that reach a change, until one fails; fills in the result."""
        begin_s, tests = time.monotonic(), self.project.tests_of(mutant)
        mutant.tests, mutant.result = len(tests), "survived" if tests else "not run"
        copy = self.copies.free.get()
        try:
            passed: set[str] = set()
            for portion in self._portions(mutant, tests):
                self._run(copy, mutant, portion, passed, begin_s + self.limit_s)
                if mutant.result != "survived":
                    break
        finally:
            self.copies.free.put(copy)
        mutant.seconds = round(time.monotonic() - begin_s, 1)
        return mutant

    def _portions(self, mutant: Mutant, tests: Sequence[str]) -> Iterator[list[str]]:
        """The tests of the same room first, then ever more of the others, quickest first."""
        room = f"tests/{Path(mutant.file).parent}/"
        left = sorted(tests, key=lambda t: not t.startswith(room))  # keeps the order otherwise
        for most_s in (*_PORTIONS_S, float("inf")):
            taken_s = list(accumulate(self.project.seconds[t] for t in left))
            count = 1 + sum(s < most_s for s in taken_s)
            if left:
                yield left[:count]
            left = left[count:]

    def _run(
        self, copy: Path, mutant: Mutant, tests: Sequence[str], passed: set[str], end_s: float
    ) -> None:
        while left := [t for t in tests if t not in passed]:
            rest_s = max(1.0, end_s - time.monotonic())
            with self._broken(copy, mutant):
                events, code = self.copies.run(copy, left, limit_s=rest_s, stop=True)
            failed = next((e["test"] for e in events if e.get("outcome") == "failed"), "")
            passed |= {e["test"] for e in events if e.get("when") == "teardown"} - {failed}
            if not failed and passed.issuperset(tests):
                return
            if time.monotonic() >= end_s or code in _NO_FAILURE:
                mutant.result, mutant.by = "unfinished", f"{len(passed)} of {mutant.tests} passed"
                return
            begun = [e["test"] for e in events if e.get("outcome") == "begun"]
            # Without a failed test the process itself crashed, or never started.
            failed = failed or (begun[-1] if begun else "start")
            of_it = [t for t in left if t == failed or t.startswith(f"{failed}::")] or left[:1]
            if not self._is_real(copy, mutant, of_it[0]):
                mutant.by += f" (left out, fails at times: {failed})"
                passed.update(of_it)
                continue
            mutant.result, mutant.by = "killed", failed
            self.killers[failed] += 1
            self.watched.update(passed)
            return

    @contextmanager
    def _broken(self, copy: Path, mutant: Mutant) -> Iterator[None]:
        """Change the file; put it back with its time, so that its kept byte code is valid."""
        file = copy / mutant.file
        time_ns = file.stat().st_mtime_ns
        file.write_bytes(self.project.sources[mutant.file].changed(mutant))
        try:
            yield
        finally:
            file.write_bytes(self.project.sources[mutant.file].data)
            os.utime(file, ns=(time_ns, time_ns))

    def _is_real(self, copy: Path, mutant: Mutant, test: str) -> bool:
        """Whether the change makes the test fail, not chance or a busy machine."""
        if self._fails(copy, test):
            return False
        if self.project.seconds[test] < 1.0:
            return True
        with self._broken(copy, mutant):
            return self._fails(copy, test)

    def _fails(self, copy: Path, test: str) -> bool:
        return self.copies.run(copy, [test], limit_s=150)[1] != 0
