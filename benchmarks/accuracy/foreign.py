"""Wrap networks of other projects as docs/foreign_models.md says, and measure what they find.

    python -m benchmarks.accuracy.foreign --folder CONVERTED

CONVERTED holds the ONNX files that the commands of that document write. Each is wrapped, and
follows the demo through the whole program; its PCK on pictures of the demo's mannequin is what
wrap_onnx.py prints.
"""

from __future__ import annotations

from steadypose.realtime.command.options.parser import require

if __name__ == "__main__":
    require("onnx", "onnxruntime", requirements="requirements-dev.txt")

import argparse
import contextlib
import io
import re
import sys
import tempfile
from pathlib import Path

from benchmarks.common import guarded, included, parser, publish, table
from steadypose.engines.errors import UsageError
from steadypose.export.wrap_onnx import main as wrap
from steadypose.realtime import cli
from steadypose.realtime.record.formats.reading import read_recording

FRAMES = 90
BLAZEPOSE = "--skeleton blazepose33 --normalise unit --point xy-s- --activation sigmoid"
NETWORKS = {
    "MoveNet Lightning (TF.js)": ("movenet-lightning.onnx", ""),
    "PoseNet (TF.js)": ("posenet.onnx", "--normalise minus-one-one --activation sigmoid"),
    "EfficientPose RT (TF.js)": (
        "efficientpose.onnx",
        "--skeleton docs/examples/efficientpose.toml",
    ),
    "BlazePose lite (TF.js)": (
        "blazepose-lite.onnx",
        f"{BLAZEPOSE} --points ld_3d --person-score output_poseflag",
    ),
    "BlazePose full (TFLite)": (
        "pose_landmark_full.onnx",
        f"{BLAZEPOSE} --points Identity --person-score Identity_1",
    ),
}
"""File and options of each; the document has the same."""

_PCK = re.compile(r"PCK@0\.2 ([\d.]+), PCK@0\.05 ([\d.]+) of (\d+) keypoints")


def measure(source: Path, words: str, folder: Path) -> tuple[str, ...]:
    """Wrap a file and follow the demo.

    Returns:
        Both PCKs, of how many keypoints, and in how many frames somebody was followed.

    Raises:
        UsageError: A command failed.
    """
    made, said = folder / source.name, io.StringIO()
    with contextlib.redirect_stdout(said):
        status = wrap(["--onnx", str(source), "--output", str(made), *words.split()])
    found = _PCK.search(said.getvalue())
    if status or not found:
        raise UsageError(f"{source} cannot be wrapped", fix="convert it as the document says")
    recording = folder / "out.csv"
    given = ["--model", str(made), "--csv", str(recording), "--max-frames", str(FRAMES)]
    with contextlib.redirect_stdout(sys.stderr):
        status = cli.main(["--source", "demo", "--headless", *given])
    if status:
        raise UsageError(f"{made} does not run", fix="see above")
    followed = max(len(track.frame) for track in read_recording(recording).people)
    return (*found.groups(), f"{followed} of {FRAMES}")


def build_parser() -> argparse.ArgumentParser:
    """The options."""
    made = parser(__doc__)
    made.add_argument("--folder", type=Path, required=True, help="with the converted files")
    return made


def main() -> None:
    """Print a row for each network."""
    arguments = build_parser().parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for name, (file, words) in NETWORKS.items():
            source = included(arguments.folder / file, "--folder")
            rows.append((name, *measure(source, words, Path(folder))))
    head = ("network", "PCK@0.2", "PCK@0.05", "keypoints", "frames of the demo followed")
    publish(table(head, rows), arguments.output)


if __name__ == "__main__":
    guarded(main)
