"""A model file whose network computes in int8, calibrated on pictures.

    python export/quantize.py --onnx models/NAME.onnx --source VIDEO --output NAME_int8.onnx

Explicit quantise and dequantise nodes, symmetric, weights per channel, no int32 biases
(TensorRT refuses those); preprocessing and decoding stay float32. The file runs in every
backend; OpenVINO and ONNX Runtime use the CPU's int8 instructions for it, and float32, in which
a CPU computes anyway, for the rest. For TensorRT, ``build_trt.py`` makes that rest fp16.

``--method nncf`` is for CPUs, and not for TensorRT: docs/model_files.md.

Source: Jacob et al. 2018 (arXiv:1712.05877); the settings are those TensorRT documents
for explicitly quantised networks.
"""

from __future__ import annotations

import argparse
import dataclasses
import logging
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

if not __package__:  # run as a script: names are found from the root, not from this folder
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from steadypose.engines.wording.printable import quoted
from steadypose.realtime.command.options.parser import Parser, require, run_command
from steadypose.realtime.sources.address import shown

if __name__ == "__main__":
    require("onnx", "onnxruntime", requirements="requirements-export.txt")

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import version_converter  # noqa: F401  # onnxruntime's quantizer expects it loaded
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quantize_static,
)

from steadypose.engines.errors import UsageError
from steadypose.engines.file_io import write_model_file
from steadypose.engines.model_file import read_spec
from steadypose.engines.spec import METADATA_KEY
from steadypose.export.checking.pck import told_loss, told_moves
from steadypose.export.checking.real_crops import gather_crops
from steadypose.export.nncf_int8 import quantize_with_nncf
from steadypose.export.trt.precision import network_nodes, to_float
from steadypose.realtime.command.written_files import add_force, check_written
from steadypose.realtime.sources.opening import source_files

_QUANTISED = ["Conv", "ConvTranspose", "MatMul", "Add", "MaxPool"]


class _Crops(CalibrationDataReader):  # type: ignore[misc]
    """Feeds crops one by one."""

    def __init__(self, crops: NDArray[np.uint8]) -> None:
        self._items: Iterator[NDArray[np.uint8]] = iter(crops)

    def get_next(self) -> dict[str, NDArray[np.uint8]] | None:
        crop = next(self._items, None)
        return None if crop is None else {"crops": crop[None]}


def quantize(
    model: onnx.ModelProto, crops: NDArray[np.uint8], *, has_float_weights: bool = False
) -> onnx.ModelProto:
    """An int8 copy of a model file.

    Args:
        model: A model file of ours; not modified.
        crops: (N, H, W, 3) uint8 BGR to calibrate the ranges of activations with.
        has_float_weights: Keep weights as floats with a quantise node before each: TensorRT 8
            may refuse dequantise nodes that read int8 weights (TensorRT issue 2163).

    Raises:
        ModelFileError: The graph has no network to quantise.
    """
    plain = to_float(model)
    nodes = network_nodes(plain)
    # The first layer and the last of each head cost little and matter most: they stay float32.
    read = {name for node in nodes for name in node.input}
    learnt = [node for node in nodes if node.op_type in {"Conv", "ConvTranspose"}]
    last = {node.name for node in learnt if read.isdisjoint(node.output)}
    inside = {node.name for node in nodes} - {learnt[0].name} - last - _with_constants(plain, nodes)
    if any(node.op_type == "Softmax" for node in nodes):
        # A transformer's sums carry everything through all of its layers: int8 is too coarse there.
        inside -= {node.name for node in nodes if node.op_type == "Add"}
    inside -= _between_activations(plain, nodes)
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "in.onnx", Path(folder) / "out.onnx"
        onnx.save(plain, source)
        logging.getLogger().setLevel(logging.ERROR)  # it advises to preprocess; we have
        quantize_static(
            str(source),
            str(target),
            _Crops(crops),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=_QUANTISED,
            nodes_to_quantize=sorted(inside),
            activation_type=QuantType.QInt8,
            weight_type=QuantType.QInt8,
            per_channel=True,
            calibrate_method=CalibrationMethod.MinMax,
            extra_options={
                "ActivationSymmetric": True,
                "WeightSymmetric": True,
                "QuantizeBias": False,
                "AddQDQPairToWeight": has_float_weights,
            },
        )
        made = onnx.load(target)
    del made.graph.value_info[:]
    del made.metadata_props[:]
    made.metadata_props.extend(model.metadata_props)
    return made


def _with_constants(model: onnx.ModelProto, nodes: Sequence[onnx.NodeProto]) -> set[str]:
    """Names of sums with a constant (a bias, an embedding of places), as transformers have them.

    Both sides of a sum would be quantised, and TensorRT refuses a constant that is.
    """
    constant = {tensor.name for tensor in model.graph.initializer}
    for node in model.graph.node:
        if all(name in constant for name in node.input if name):
            constant.update(node.output)
    return {node.name for node in nodes if node.op_type == "Add" and constant & set(node.input)}


def _between_activations(model: onnx.ModelProto, nodes: Sequence[onnx.NodeProto]) -> set[str]:
    """Names of products that have no weights, as attention has: int8 is too coarse there."""
    stored = {tensor.name for tensor in model.graph.initializer}
    return {n.name for n in nodes if n.op_type == "MatMul" and n.input[1] not in stored}


METHODS = {"onnxruntime": quantize, "nncf": quantize_with_nncf}


def quantize_file(argv: Sequence[str] | None) -> str:
    """Do what the command line says; returns what to tell the user."""
    parser = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--onnx", type=Path, required=True, help="model file")
    parser.add_argument("--source", default="demo", help="video or folder to calibrate with")
    parser.add_argument("--count", type=int, default=200, help="crops to calibrate with")
    parser.add_argument(
        "--method",
        choices=tuple(METHODS),
        default="onnxruntime",
        help="nncf: for CPUs alone, faster and more exact (default: %(default)s)",
    )
    parser.add_argument("--output", type=Path, help="default: NAME_int8.onnx beside the model")
    add_force(parser)
    arguments = parser.parse_args(argv)
    output = arguments.output or arguments.onnx.with_name(f"{arguments.onnx.stem}_int8.onnx")
    if arguments.count < 1:
        raise UsageError("--count must be positive", fix="leave it out")
    check_written(
        [(output, "--output")],
        read=[arguments.onnx, *source_files(arguments.source)],
        is_forced=arguments.force,
        makes_folders=True,
    )
    spec = read_spec(arguments.onnx)
    crops = gather_crops(arguments.source, spec, count=arguments.count)
    model = onnx.load(arguments.onnx)
    made = METHODS[arguments.method](model, crops)
    moves = told_moves(model, made, crops, keypoints=spec.keypoint_count)
    loss = f"{moves}; {told_loss(model, made, spec)}"
    for entry in made.metadata_props:
        if entry.key == METADATA_KEY:
            entry.value = dataclasses.replace(spec, name=f"{spec.name}_int8").to_json()
    data = made.SerializeToString()
    write_model_file(data, output)
    return (
        f"{output}: {len(data) / 1e6:.1f} MB, calibrated on {len(crops)} crops of "
        f"{shown(arguments.source)}; {loss}; compare it: python -m benchmarks.accuracy.parity "
        f"--onnx {quoted(arguments.onnx)} --also {quoted(output)}"
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Entry; returns the exit code."""
    return run_command(lambda: quantize_file(argv))


if __name__ == "__main__":
    sys.exit(main())
