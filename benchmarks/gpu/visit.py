"""Run the steps of a visit one after another; what is known is on the disk at any second."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.gpu.plan import Step
from benchmarks.gpu.preparing import FOLDER
from benchmarks.gpu.table import blank, to_table
from steadypose.engines.file_io import replace_text
from steadypose.engines.foreign.private import private_folder
from steadypose.engines.wording.printable import exit_text
from steadypose.realtime.model.places import ROOT

_POLL_S = 0.1
_LEAST_S = 2.0  # a step that cannot have this long is not begun


class Visit:
    """A run of the benchmark.

    Args:
        output: Table; the JSON goes beside it.
        deadline_s: From now on.
        device: Number of the GPU.
        is_fake: On a made-up GPU.
    """

    def __init__(
        self, output: Path, *, deadline_s: float, device: int = 0, is_fake: bool = False
    ) -> None:
        self._end_s = time.perf_counter() + deadline_s
        self._output, self._device, self._is_fake = output, device, is_fake
        self._work = private_folder(private_folder(FOLDER) / f"steps_{os.getpid()}")
        self.found = blank(is_fake=is_fake)
        self.found["is_complete"] = False

    @property
    def has_measured(self) -> bool:
        """Whether any engine ran."""
        return any("latency" in row for row in self.found["rows"].values())

    def run(self, steps: list[Step]) -> None:
        """Run them all; the file is whole after each, and when this is interrupted."""
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        for step in steps:
            if step.network:
                self._row(step)
        self._save()
        try:
            for number, step in enumerate(steps):
                self._run(number, step)
                if step.kind == "probe" and "error" in self.found["probe"]:
                    break
            self.found["is_complete"] = True
        except KeyboardInterrupt:
            self.found["cut"] = "the visit was interrupted"
        finally:
            self._save()
            self._clean()

    def _row(self, step: Step) -> dict[str, Any]:
        """What is known of a step's row."""
        if not step.network:
            return self.found.setdefault(step.kind, {})
        if step.kind == "checks":
            return self.found.setdefault("checks", {})
        empty = {"network": step.network, "precision": step.precision, "fault": step.fault}
        return self.found["rows"].setdefault(step.row, empty)

    def _run(self, number: int, step: Step) -> None:
        row, left_s = self._row(step), self._end_s - time.perf_counter()
        failure = f"{step.kind} error"
        if step.kind == "measure" and "build error" in row:
            return
        if left_s < _LEAST_S:
            row[failure] = "not begun: the deadline had come"
            return
        begin_s = time.perf_counter()
        row["running"] = step.kind
        self._save()
        told, limit_s = self._work / f"{number}.jsonl", min(step.timeout_s, left_s)
        told.touch()
        with (self._work / f"{number}.log").open("w") as log:
            child = self._start(step, told, log)
            try:
                size = 0
                while child.poll() is None and time.perf_counter() - begin_s < limit_s:
                    time.sleep(_POLL_S)
                    if told.stat().st_size != size:
                        size = told.stat().st_size
                        self._take(row, told)
                is_late = child.poll() is None
            finally:
                _end(child)
        self._take(row, told)
        row.pop("running", None)
        if is_late:
            row[failure] = f"timed out after {limit_s:.0f} s"
        elif child.returncode and failure not in row:
            last = (self._work / f"{number}.log").read_text(errors="replace").strip()[-200:]
            row[failure] = f"died ({exit_text(child.returncode)}) {last}".strip()
        row.setdefault("seconds", {})[step.kind] = round(time.perf_counter() - begin_s, 2)
        what = row.get(failure, "done")
        print(f"{step.kind} {step.row}: {what} ({row['seconds'][step.kind]} s)", file=sys.stderr)
        self._save()

    def _start(self, step: Step, told: Path, log: Any) -> subprocess.Popen[str]:
        job = told.with_suffix(".json")
        options = {"device": self._device, "is_fake": self._is_fake, "told": str(told)}
        replace_text(job, json.dumps({"step": asdict(step), **options}))
        return subprocess.Popen(
            [sys.executable, "-m", "benchmarks.gpu.steps", str(job)],
            cwd=ROOT,
            stdout=log,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def _take(self, row: dict[str, Any], told: Path) -> None:
        """Take over what a step has told so far; its last line may be half written."""
        for line in told.read_text(encoding="utf-8").splitlines():
            with suppress(ValueError):
                row |= json.loads(line)
        self._save()

    def _save(self) -> None:
        replace_text(self._output.with_suffix(".json"), json.dumps(self.found, indent=1) + "\n")
        replace_text(self._output, to_table(self.found) + "\n")

    def _clean(self) -> None:
        for path in self._work.iterdir():
            path.unlink()
        self._work.rmdir()


def _end(child: subprocess.Popen[str]) -> None:
    """End a step with everything it started."""
    with suppress(OSError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()
