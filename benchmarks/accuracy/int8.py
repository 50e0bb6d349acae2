"""What int8 costs and gives on this processor: accuracy on held-out people, and time.

    python -m benchmarks.accuracy.int8 --data PACKS [MODEL.onnx ...]

Each model file is made int8 by both methods of export/quantize.py, calibrated on everyday pictures
of the training (none of those that are measured). Times are of one thread and one crop, as in
benchmarks.accuracy.shipped; the instructions are limited through oneDNN, which OpenVINO computes
with: AVX2 and AVX-512 have no instructions for int8, VNNI are those. NNCF must be installed.
"""

from __future__ import annotations

from steadypose.realtime.command.options.parser import require

if __name__ == "__main__":
    require("onnx", "onnxruntime", requirements="requirements-dev.txt")

import argparse
import contextlib
import json
import sys
import tarfile
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.accuracy.shipped import accuracy_of, call_ms, sets_of
from benchmarks.common import guarded, included, parser, publish, table
from steadypose.engines.errors import UsageError
from steadypose.engines.file_io import sha256_of
from steadypose.export.quantize import METHODS
from steadypose.export.quantize import main as quantize
from steadypose.realtime.model.places import DEFAULT_MODEL, POSE_RESNET
from training.datasets.pack import HELD_OUT

_CROPS = 300
_PICTURES = 60  # six windows each
_LIMITS = {
    "AVX2, ms": "AVX2",
    "AVX2 + VNNI, ms": "AVX2_VNNI",
    "AVX-512, ms": "AVX512_CORE",
    "AVX-512 + VNNI, ms": "AVX512_CORE_VNNI",
}
_SETS = tuple(f"{s} {f}" for s in ("everyday", "LSPET") for f in ("@0.2", "@0.1", "AP*"))


def pictures_of(data: Path, folder: Path) -> Path:
    """Some pictures of the training, as files."""
    held_out = set(HELD_OUT.read_text(encoding="utf-8").split())
    with tarfile.open(data / "people.tar") as packed:
        names = [m for m in packed.getmembers() if m.isfile() and Path(m.name).name not in held_out]
        for number in np.linspace(0, len(names) - 1, _PICTURES).astype(int):
            content = packed.extractfile(names[number])
            assert content is not None
            (folder / Path(names[number].name).name).write_bytes(content.read())
    return folder


def made_int8(model: Path, method: str, data: Path, folder: Path) -> Path:
    """An int8 copy; one that lies there is taken.

    Raises:
        UsageError: It could not be made.
    """
    output = folder / f"{model.stem}_{method}.onnx"
    if output.exists():
        return output
    with tempfile.TemporaryDirectory() as pictures:
        source = pictures_of(data, Path(pictures))
        given = ["--source", str(source), "--count", str(_CROPS), "--method", method]
        with contextlib.redirect_stdout(sys.stderr):
            status = quantize(["--onnx", str(model), *given, "--output", str(output)])
    if status:
        raise UsageError(f"{model.name} could not be made int8", fix="see above")
    return output


def known_accuracy(path: Path, precision: str, data: Path, folder: Path) -> list[str]:
    """Its accuracy, measured once for each file that lies in ``folder`` or is made there.

    It does not depend on how busy the machine is; times do, and can be measured again alone.
    """
    kept = folder / "accuracy.json"
    known: dict[str, list[str]] = json.loads(kept.read_text()) if kept.exists() else {}
    key = f"{sha256_of(path)} {precision}"
    if key not in known:
        known[key] = accuracy_of(path, sets_of(data), precision)
        kept.write_text(json.dumps(known, indent=1))
    return known[key]


def rows_of(model: Path, data: Path, folder: Path) -> list[list[str]]:
    """A row for each precision of a model file."""
    kinds = {"fp32": (model, "fp32"), "bf16": (model, "bf16")}
    kinds |= {f"int8, {m}": (made_int8(model, m, data, folder), "fp32") for m in METHODS}
    rows = []
    for name, (path, precision) in kinds.items():
        limits = [None] if name == "bf16" else [*_LIMITS.values(), None]
        variables = [{"ONEDNN_MAX_CPU_ISA": limit} if limit else {} for limit in limits]
        times = [f"{call_ms(path, precision, given):.1f}" for given in variables]
        times = ["-"] * (len(_LIMITS) + 1 - len(times)) + times
        size = f"{path.stat().st_size / 1e6:.1f}"
        cells = known_accuracy(path, precision, data, folder)
        rows.append([f"{model.stem}: {name}", *cells, *times, size])
    return rows


def build_parser() -> argparse.ArgumentParser:
    """All options."""
    made = parser(__doc__)
    made.add_argument("models", nargs="*", type=Path, metavar="MODEL", help="model files")
    made.add_argument("--data", type=Path, required=True, help="folder of the packs")
    made.add_argument("--folder", type=Path, help="where int8 files and accuracies are kept")
    return made


def main() -> None:
    """Measure all, print and keep the table."""
    arguments = build_parser().parse_args()
    data = included(arguments.data, "--data")
    head = ["network", *_SETS, *_LIMITS, "native, ms", "MB"]
    with tempfile.TemporaryDirectory() as scratch:
        folder = arguments.folder or Path(scratch)
        models = arguments.models or [DEFAULT_MODEL, POSE_RESNET]
        rows = [row for model in models for row in rows_of(model, data, folder)]
    text = (
        "300 everyday pictures, LSPET 9001 to 9500; boxes given, openvino; columns as in the model "
        f"card; int8 calibrated on {_CROPS} crops of {_PICTURES} everyday pictures"
    )
    publish(f"{text}\n\n{table(head, rows)}", arguments.output)


if __name__ == "__main__":
    guarded(main)
