"""Run the TensorRT builder in a child process, so that its crash becomes an error here."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from steadypose.engines.errors import EngineError
from steadypose.engines.wording.printable import exit_text, visible
from steadypose.engines.wording.telling import is_watched, tell_raw
from steadypose.export.trt.builder import PROGRESS, Job
from steadypose.realtime.model.places import ROOT


def run_builder(job: Job, *, onnx_bytes: bytes, is_verbose: bool) -> tuple[bytes, dict[str, Any]]:
    """Build in a child process.

    Returns:
        The plan and the builder's report.

    Raises:
        SteadyposeError: The builder failed or crashed.
    """
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        job = dataclasses.replace(
            job,
            onnx=str(place / "model.onnx"),
            plan=str(place / "plan"),
            result=str(place / "result.json"),
            is_verbose=is_verbose,
        )
        (place / "model.onnx").write_bytes(onnx_bytes)
        (place / "job.json").write_text(job.to_json(), encoding="utf-8")
        code, output = _run_child(place / "job.json", is_verbose=is_verbose)
        if not Path(job.result).exists():
            last = output[-300:].strip() or "silently"
            raise EngineError(
                f"TensorRT's builder died ({exit_text(code)}): {last}",
                fix="run again with --verbose; with little memory try --workspace 512",
            )
        result: dict[str, Any] = json.loads(Path(job.result).read_text(encoding="utf-8"))
        if "error" in result:
            raise EngineError(result["error"], fix=result["fix"])
        return Path(job.plan).read_bytes(), result


def _run_child(job: Path, *, is_verbose: bool) -> tuple[int, str]:
    """Show the builder's progress; return its exit code and last output."""
    command = [sys.executable, "-m", "steadypose.export.trt.builder", str(job)]
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as log:
        child = subprocess.Popen(  # noqa: S603 - our own module
            command,
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=None if is_verbose else log,
            text=True,
            errors="replace",
        )
        assert child.stdout is not None
        with child:
            for line in child.stdout:
                if line.startswith(PROGRESS) and is_watched():
                    phase = visible(line.removeprefix(PROGRESS).strip())[:60]
                    tell_raw(f"\r  {phase:<60}")
        if is_watched():
            tell_raw("\r" + " " * 64 + "\r")
        log.seek(0)
        return child.returncode, log.read()
