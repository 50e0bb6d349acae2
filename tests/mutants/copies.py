"""Private copies of a project, and pytest within them."""

from __future__ import annotations

import contextlib
import json
import os
import select
import shutil
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path
from queue import Queue
from typing import IO, Any

_NOT_COPIED = shutil.ignore_patterns(
    ".git", ".venv", "out", "__pycache__", ".*_cache", ".hypothesis", "cache", "built"
)
_OPTIONS = ("-p", "probe", "-p", "no:cacheprovider")
Events = list[dict[str, Any]]


class Copies:
    """As many copies as jobs, each with a process that starts pytest in it quickly.

    Args:
        app: The project.
        room: An empty folder for the copies.
        python: Interpreter with pytest, pytest-cov and pytest-timeout.
        jobs: Number of copies.
        warm: Packages that the starting processes import beforehand where they are installed.

    Raises:
        RuntimeError: A starting process has ended.
    """

    def __init__(
        self, app: Path, room: Path, *, python: str, jobs: int, warm: Sequence[str]
    ) -> None:
        self.room, self._python = room, python
        self.first, self.free = room / "copy0", Queue[Path]()
        self._starters: dict[Path, subprocess.Popen[bytes]] = {}
        for script in ("probe.py", "warm.py"):
            shutil.copy(Path(__file__).with_name(script), room / script)
        for n in range(jobs):
            copy = room / f"copy{n}"
            shutil.copytree(app, copy, ignore=_NOT_COPIED)
            self._starters[copy] = subprocess.Popen(
                [python, str(room / "warm.py"), *warm],
                env=self._environment(copy),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                bufsize=0,  # ``select`` sees the pipe alone
                start_new_session=True,
            )
            self.free.put(copy)
        for copy in self._starters:
            self._said(copy)

    def close(self) -> None:
        """End the starting processes."""
        for starter in self._starters.values():
            starter.communicate()

    def collect(self, tests: Sequence[str]) -> None:
        """Keep the byte code of the unchanged copies, which every later run reads.

        Args:
            tests: Those that pass.

        Raises:
            RuntimeError: pytest does not find them in a process that is warm.
        """
        files = sorted({t.split("::")[0] for t in tests})
        for copy in self._starters:
            options = ["--collect-only", "-q", *files]
            code = self._start(copy, options, {"PYTHONDONTWRITEBYTECODE": ""}, 600)
            if code:
                raise RuntimeError(
                    f"pytest ends with code {code} in a process that has imported packages before: "
                    "try without --warm"
                )

    def run(
        self, copy: Path, tests: Sequence[str], *, limit_s: float, stop: bool = False
    ) -> tuple[Events, int]:
        """Run some tests in a copy.

        Args:
            copy: The copy.
            tests: Their names, in order.
            limit_s: Time after which they are killed, with all processes they started.
            stop: At the first failure.

        Returns:
            The probe's events, in which an interrupted test has only a start; and the exit
            code.
        """
        chosen = self.room / f"{copy.name}.tests"
        chosen.write_text(json.dumps(list(tests)))
        files = sorted({t.split("::")[0] for t in tests})
        options = ["--timeout=60", *(["-x"] if stop else []), *files]
        code = self._start(copy, options, {"PROBE_TESTS": str(chosen)}, limit_s)
        return self._events(copy), code

    def run_all(self, options: Sequence[str], *, limit_s: float) -> Events:
        """Run everything in the first copy, in a fresh interpreter that coverage can follow.

        Args:
            options: Of pytest.
            limit_s: As for ``run``.
        """
        copy = self.first
        done = subprocess.Popen(
            [self._python, "-m", "pytest", *self._options(copy), *options],
            cwd=copy,
            env=self._environment(copy),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            done.wait(limit_s)
        except BaseException as error:
            os.killpg(done.pid, signal.SIGKILL)
            done.wait()
            if not isinstance(error, subprocess.TimeoutExpired):
                raise
        return self._events(copy)

    def _start(
        self, copy: Path, options: Sequence[str], more: dict[str, str], limit_s: float
    ) -> int:
        """Have pytest started; returns its exit code."""
        starter = self._starters[copy]
        assert starter.stdin is not None
        job = {
            "folder": str(copy),
            "arguments": [*self._options(copy), *options],
            "environment": self._environment(copy) | more,
        }
        starter.stdin.write(json.dumps(job).encode() + b"\n")
        process = int(self._said(copy))
        if not select.select([self._pipe(copy)], [], [], limit_s)[0]:
            with contextlib.suppress(ProcessLookupError):  # it has just ended
                os.killpg(process, signal.SIGKILL)
        return int(self._said(copy))

    def _said(self, copy: Path) -> bytes:
        """A line of a starting process."""
        line = self._pipe(copy).readline()
        if not line:
            code = self._starters[copy].wait()
            raise RuntimeError(f"the process that starts the tests has ended with code {code}")
        return line

    def _pipe(self, copy: Path) -> IO[bytes]:
        found = self._starters[copy].stdout
        assert found is not None
        return found

    def _options(self, copy: Path) -> list[str]:
        (self.room / f"{copy.name}.events").write_text("")
        return [*_OPTIONS, f"--basetemp={self.room / copy.name}.tmp"]

    def _environment(self, copy: Path) -> dict[str, str]:
        own = {k: v for k, v in os.environ.items() if not k.startswith(("COV", "PYTEST", "PROBE"))}
        return own | {
            "PYTHONDONTWRITEBYTECODE": "1",
            "CI": "true",
            "PROBE_OUT": str(self.room / f"{copy.name}.events"),
            "PYTHONPATH": str(self.room),
            "OMP_NUM_THREADS": "1",
        }

    def _events(self, copy: Path) -> Events:
        lines = (self.room / f"{copy.name}.events").read_text().splitlines()
        return [json.loads(line) for line in lines]
