"""From labelled pictures of a made-up animal to a running model, by the commands of the document.

docs/training.md has the commands; they run here in a new folder, each as a program, and are timed.
The animal's pictures are rendered first, so that nobody has to label any.

    python -m benchmarks.accuracy.animal [--picture FILE.jpg]
"""

from __future__ import annotations

import argparse
import csv
import re
import shlex
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from benchmarks.common import frames_of, guarded, output_of, parser, publish, table
from steadypose.realtime.model.places import ROOT
from training.measures.measure import BOX_SHARE
from training.people.animal.body import NAMES
from training.people.animal.pictures import film
from training.runs.progress import write_picture

HEADING = "## The whole way with a made-up animal"
_PCK = re.compile(r"PCK@0\.2 [\d.]+   PCK@0\.5 [\d.]+")
_AP = re.compile(r" AP ([\d.]+),")
_SHOWN = (0.25, 0.5, 0.8)  # of the film


def commands() -> list[list[str]]:
    """Words of the document's commands after Python: the renderer, and the five."""
    page = (ROOT / "docs" / "training.md").read_text(encoding="utf-8")
    section = page.partition(HEADING)[2].partition("\n## ")[0]
    blocks = re.findall(r"```sh\n(.*?)```", section, re.DOTALL)
    lines = "".join(blocks).replace("\\\n", " ").splitlines()
    return [shlex.split(line, comments=True)[1:] for line in lines if line.strip()]


def located(words: Sequence[str], folder: Path) -> list[str]:
    """The words with ``quib`` being a folder in ``folder``."""
    return [str(folder / word) if word.partition("/")[0] == "quib" else word for word in words]


def run(words: list[str], folder: Path) -> tuple[float, str]:
    """Run a command; ``quib`` in it is a folder in ``folder``.

    Returns:
        Seconds, and what it printed.

    Raises:
        UsageError: It failed.
    """
    begin_s = time.perf_counter()
    said = output_of(*located(words, folder))
    return time.perf_counter() - begin_s, said


def in_film(recorded: Path) -> str:
    """How well the film's animal was followed, by the CSV of the run."""
    with recorded.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    if not rows:
        return "In the film: nothing was followed"
    frames = max(int(row["frame"]) for row in rows) + 1
    truth = [xy for _, xy in film(frames)]
    errors = []
    for row in rows:
        xy = truth[int(row["frame"])]
        reference = BOX_SHARE * float(np.ptp(xy, axis=0).max())
        for name, place in zip(NAMES, xy, strict=True):
            if row[f"{name}_x"]:
                found = (float(row[f"{name}_x"]), float(row[f"{name}_y"]))
                errors.append(float(np.linalg.norm(place - found)) / reference)
    near = np.array(errors)
    return (
        f"In the film: followed in {len({row['frame'] for row in rows})} of {frames} frames; "
        f"PCK@0.2 {(near <= 0.2).mean():.4f}, PCK@0.5 {(near <= 0.5).mean():.4f}"
    )


def strip(video: Path, picture: Path) -> None:
    """Write some frames of a film side by side."""
    frames = [frame.image_bgr.copy() for frame in frames_of(str(video))]
    chosen = [frames[int(share * len(frames))] for share in _SHOWN]
    write_picture(cv2.resize(np.hstack(chosen), None, fx=0.5, fy=0.5), picture)


def build_parser() -> argparse.ArgumentParser:
    """The options."""
    made = parser(__doc__)
    made.add_argument("--picture", type=Path, help="also write frames of the annotated film")
    return made


def main() -> None:
    """Print a row for each command."""
    arguments = build_parser().parse_args()
    rows, measured = [], ""
    render, *five = commands()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        run(render, folder)
        for words in five:
            took_s, said = run(words, folder)
            rows.append((f"`{' '.join(words).partition(' --')[0]}`", f"{took_s:.0f}"))
            if "training.evaluate" in words:
                pck, precision = _PCK.search(said), _AP.search(said)
                assert pck is not None
                assert precision is not None
                measured = f"On other pictures: {pck[0]}, AP {precision[1]}"
        followed = in_film(folder / "quib" / "walk.csv")
        if arguments.picture is not None:
            strip(folder / "quib" / "followed.mp4", arguments.picture)
    total = sum(int(seconds) for _, seconds in rows)
    text = table(("command", "seconds"), [*rows, ("together", str(total))])
    publish(f"{text}\n\n{measured}. {followed}.", arguments.output)


if __name__ == "__main__":
    guarded(main)
