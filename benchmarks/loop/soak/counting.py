"""What the files of a run hold, against what was given to them."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from steadypose.realtime.record.formats.journal import journal_path
from steadypose.realtime.record.formats.reading import read_recording

_UNWRITTEN_S = 1.5  # of a run that a full disk ended: what waited to be written


@dataclass
class Shift:
    """A run: from the start, or a full disk, to the next.

    Attributes:
        folder: Of its files.
        frames: Delivered to the recorders.
        ages_ms: (F,) of each.
        is_refused: The disk ended it.
        problems: What is wrong with its files.
    """

    folder: Path
    frames: int = 0
    ages_ms: NDArray[np.float32] = field(default_factory=lambda: np.empty(0, np.float32))
    is_refused: bool = False
    problems: list[str] = field(default_factory=list)


def check(shift: Shift) -> None:
    """Count what is in the files of a run that has ended."""
    least = shift.frames - (int(_UNWRITTEN_S * 30) if shift.is_refused else 0)
    lines = (shift.folder / "a.jsonl").read_text().splitlines()[1:]
    indices = [json.loads(line)["frame"] for line in lines]
    counted = {"a.jsonl": len(indices)}
    if indices != sorted(set(indices)):
        shift.problems.append("frames of a.jsonl are not in order")
    for name in ("a.csv", "a.parquet"):
        path = shift.folder / name
        if shift.is_refused and not path.exists():  # its end could not be written
            path = journal_path(path)
        people = read_recording(path).people
        seen = {int(index) for person in people for index in person.frame}
        with_people = sum(bool(json.loads(line)["persons"]) for line in lines)
        if not shift.is_refused and len(seen) != with_people:
            shift.problems.append(f"{name} has {len(seen)} frames, a.jsonl {with_people}")
    with av.open(str(shift.folder / "a.mp4")) as film:
        counted["a.mp4"] = sum(1 for _ in film.decode(video=0))
    for name, found in counted.items():
        if not least <= found <= shift.frames:
            shift.problems.append(f"{name} has {found} of {shift.frames} frames")
