"""Run the app in the guest, with a tiny model, and read what it recorded."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from steadypose.realtime.cli import main
from steadypose.realtime.datatypes import Frame
from steadypose.realtime.model.places import ROOT
from steadypose.realtime.sources.live import LiveSource
from steadypose.realtime.sources.opening import SourceOptions, open_source
from tests.camera import vivid
from tests.conftest import tiny_model

RUN = [sys.executable, "-B", str(ROOT / "run.py")]


@dataclass
class Recorded:
    """A run that has ended: its exit code, what it said, and its rows."""

    code: int
    said: str
    rows: list[dict[str, Any]]

    @property
    def times_s(self) -> list[float]:
        return [float(row["time_s"]) for row in self.rows]


def options_of(folder: Path) -> list[str]:
    """A run on the tiny model, with few and small pictures: emulated, each pixel takes its time."""
    model = folder / "tiny.onnx"
    model.write_bytes(tiny_model().SerializeToString())
    how = ["--headless", "--backend", "onnxruntime", "--threads", "1", "--model", str(model)]
    return [*how, "--width", "320", "--height", "180", "--fps", "10"]


def record(
    folder: Path,
    capfd: pytest.CaptureFixture[str],
    *arguments: str,
    frames: int,
    meanwhile: Callable[[], None] = lambda: None,
    after: int = 20,
) -> Recorded:
    """Record so many frames; something happens after some of them.

    Args:
        folder: Of the recording.
        capfd: Where its sentences are heard.
        arguments: More options.
        frames: After which it ends.
        meanwhile: Called on another thread.
        after: Rows that are on the disk by then.
    """
    table = folder / "a.jsonl"  # a line a frame, with nobody in it too
    failures: list[BaseException] = []

    def trouble() -> None:
        try:
            vivid.wait_for(lambda: count(table) >= after, 60.0)
            meanwhile()
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=trouble)
    thread.start()
    code = main(
        [
            *options_of(folder),
            *arguments,
            "--jsonl",
            str(table),
            "--max-frames",
            str(frames),
            "--force",
        ]
    )
    thread.join()
    assert not failures, failures
    out, err = capfd.readouterr()
    rows = [json.loads(line) for line in table.read_text().splitlines()[1:]]
    return Recorded(code, out + err, rows)


def count(table: Path) -> int:
    """Rows on the disk."""
    return table.read_bytes().count(b"\n") - 1 if table.exists() else 0


def opened(text: str | Path, **more: object) -> LiveSource:
    """A camera."""
    source = open_source(SourceOptions(str(text), **more))  # type: ignore[arg-type]
    assert isinstance(source, LiveSource)
    return source


def frames_of(source: LiveSource, number: int) -> list[Frame]:
    """So many frames, one after another."""
    found: list[Frame] = []
    misses = 0
    while len(found) < number:
        frame = source.read(1.0)
        if frame is not None:
            found.append(frame)
        else:
            misses += 1
            assert misses < 30, f"no frames: {source.trouble}"
    return found
