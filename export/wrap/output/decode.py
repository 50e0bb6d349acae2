"""Decode a wrapped network's heatmaps or SimCC scores to keypoints, as ONNX nodes."""

from __future__ import annotations

import logging
import tempfile
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, compose, helper, numpy_helper, version_converter

from steadypose.engines.errors import EngineUnavailableError
from steadypose.engines.wording import advice
from steadypose.export.wrap.opset import OPSET
from steadypose.export.wrap.output.reading import (
    HeatmapReading,
    PointsReading,
    Reading,
    SimccReading,
)

Part = tuple[list[NodeProto], list[TensorProto]]


class _Chain:
    """A sequence of nodes with their constants; names begin with ``read/``."""

    def __init__(self) -> None:
        self.nodes: list[NodeProto] = []
        self.constants: list[TensorProto] = []

    def constant(self, value: NDArray[Any]) -> str:
        name = f"read/c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(value, name))
        return name

    def add(self, operator: str, *inputs: str, outputs: int = 1, **attributes: Any) -> list[str]:
        stem = f"read/{len(self.nodes)}_{operator}"
        names = [f"{stem}_{i}" for i in range(outputs)]
        self.nodes.append(helper.make_node(operator, inputs, names, stem, **attributes))
        return names

    def end(self) -> Part:
        self.nodes[-1].output[0] = "keypoints"
        return self.nodes, self.constants


def read_nodes(reading: Reading, keypoints: int, *, prefix: str, opset: int) -> Part:
    """Build the nodes from the network's outputs to ``keypoints``, and their constants.

    Args:
        reading: What to read and how.
        keypoints: K.
        prefix: Prefix of the names of the network's outputs.
        opset: 18 or later.
    """
    if isinstance(reading, SimccReading):
        return _simcc(reading, prefix)
    if isinstance(reading, PointsReading):
        return _points(reading, prefix)
    return _heatmaps(reading, keypoints, prefix, opset)


def _scores(chain: _Chain, name: str, *, is_logit: bool) -> str:
    (x,) = chain.add("Cast", name, to=TensorProto.FLOAT)
    return chain.add("Sigmoid", x)[0] if is_logit else x


def _simcc(reading: SimccReading, prefix: str) -> Part:
    """The highest bin of each axis; the lower of both peaks is the score (RTMPose)."""
    chain = _Chain()
    one = chain.constant(np.array([1], np.int64))
    ratio = chain.constant(np.array(1 / reading.split_ratio, np.float32))
    places, peaks = [], []
    for name in reading.names:
        scores = _scores(chain, prefix + name, is_logit=reading.is_logit)
        peak, index = chain.add("TopK", scores, one, outputs=2, axis=2)
        (bin_,) = chain.add("Cast", index, to=TensorProto.FLOAT)
        places += chain.add("Mul", bin_, ratio)
        peaks.append(peak)
    (score,) = chain.add("Min", *peaks)
    limits = [chain.constant(np.array(v, np.float32)) for v in (0.0, 1.0)]
    (score,) = chain.add("Clip", score, *limits)
    chain.add("Concat", *places, score, axis=2)
    return chain.end()


def _points(reading: PointsReading, prefix: str) -> Part:
    """The numbers of one person; of candidates, those of the most certain."""
    chain, k, width = _Chain(), reading.keypoints, len(reading.point)

    def whole(*values: int) -> str:
        return chain.constant(np.array(values, np.int64))

    (row,) = chain.add("Cast", prefix + reading.name, to=TensorProto.FLOAT)
    scores: list[str] = []
    if reading.candidates is not None:
        if reading.candidates == "middle":
            (row,) = chain.add("Transpose", row, perm=[0, 2, 1])
        (sure,) = chain.add("Gather", row, whole(*reading.confidences), axis=2)
        if len(reading.confidences) > 1:
            (sure,) = chain.add("ReduceMax", sure, whole(2), keepdims=1)
        best, _ = chain.add("TopK", sure, whole(1), outputs=2, axis=1)
        # A product instead of an index: every runtime has it, and the batch stays free.
        (is_best,) = chain.add("GreaterOrEqual", sure, best)
        (weight,) = chain.add("Cast", is_best, to=TensorProto.FLOAT)
        (count,) = chain.add("ReduceSum", weight, whole(1), keepdims=1)
        (weight,) = chain.add("Div", weight, count)
        (weight,) = chain.add("Transpose", weight, perm=[0, 2, 1])
        (row,) = chain.add("MatMul", weight, row)
        scores.append(best)
    (row,) = chain.add("Reshape", row, whole(0, -1))
    places = np.arange(reading.first, reading.first + k * width)
    (row,) = chain.add("Gather", row, whole(*places.tolist()), axis=1)
    (points,) = chain.add("Reshape", row, whole(0, k, width))

    def column(letter: str) -> str:
        (values,) = chain.add("Gather", points, whole(reading.point.index(letter)), axis=2)
        return values

    xy = []
    for letter, scale in zip("xy", reading.scale_xy, strict=True):
        (scaled,) = chain.add("Mul", column(letter), chain.constant(np.array(scale, np.float32)))
        xy += chain.add("Add", scaled, chain.constant(np.array(reading.offset, np.float32)))
    if "s" in reading.point:
        score = column("s")
        scores += chain.add("Sigmoid", score) if reading.is_logit else [score]
    elif reading.point_scores is not None:
        score = _scores(chain, prefix + reading.point_scores, is_logit=reading.is_logit)
        scores += chain.add("Reshape", score, whole(0, k, 1))
    else:
        (nothing,) = chain.add("Sub", xy[0], xy[0])
        scores += chain.add("Add", nothing, chain.constant(np.array(1, np.float32)))
    if reading.person is not None:
        (person,) = chain.add("Cast", prefix + reading.person, to=TensorProto.FLOAT)
        scores += chain.add("Reshape", person, whole(0, 1, 1))
    (score,) = chain.add("Min", *scores)
    limits = [chain.constant(np.array(v, np.float32)) for v in (0.0, 1.0)]
    (score,) = chain.add("Clip", score, *limits)
    chain.add("Concat", *xy, score, axis=2)
    return chain.end()


def _heatmaps(reading: HeatmapReading, keypoints: int, prefix: str, opset: int) -> Part:
    """``models.decoding.Decode`` in cells, then one scale and offset to crop pixels."""
    chain = _Chain()
    heatmaps = _scores(chain, prefix + reading.name, is_logit=reading.is_logit)
    if reading.is_nhwc:
        (heatmaps,) = chain.add("Transpose", heatmaps, perm=[0, 3, 1, 2])
    if reading.background is not None:
        begin = int(reading.background == "first")
        ends = (begin, begin + keypoints, 1)
        sides = [chain.constant(np.array([v], np.int64)) for v in ends]
        (heatmaps,) = chain.add("Slice", heatmaps, *sides)
    decode = export_decode(reading, keypoints)
    if opset > OPSET:
        decode = version_converter.convert_version(decode, opset)
    decode = compose.add_prefix(decode, "read/decode/")
    for node in decode.graph.node:
        node.input[:] = [heatmaps if n == "read/decode/heatmaps" else n for n in node.input]
    chain.nodes.extend(decode.graph.node)
    chain.constants.extend(decode.graph.initializer)
    step = chain.constant(np.array([*reading.step_xy, 1.0], np.float32))
    offset = chain.constant(np.array([*reading.offset_xy, 0.0], np.float32))
    (scaled,) = chain.add("Mul", "read/decode/cells", step)
    chain.add("Add", scaled, offset)
    return chain.end()


def export_decode(reading: HeatmapReading, keypoints: int) -> onnx.ModelProto:
    """Export (N, K, h, w) ``heatmaps`` to (N, K, 3) ``cells``; torch needs seconds for it.

    Args:
        reading: ``heatmap_hw``, ``refine`` and ``sigma`` are used.
        keypoints: K.

    Returns:
        A model of opset 18: x and y in cells, score in [0, 1].
    """
    try:
        import torch  # noqa: PLC0415  # a SimCC network is wrapped without it

        from steadypose.export.models.decoding import Decode  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise EngineUnavailableError(
            f"wrapping heatmaps needs {error.name}", fix=advice.install("requirements-export.txt")
        ) from error

    decode = Decode(
        keypoints=keypoints,
        heatmap_hw=reading.heatmap_hw,
        stride=1,
        refine=reading.refine,
        cells="corner",
        sigma=reading.sigma,
    ).eval()
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            path = Path(folder) / "decode.onnx"
            torch.onnx.export(
                decode,
                (torch.zeros(2, keypoints, *reading.heatmap_hw),),
                str(path),
                input_names=["heatmaps"],
                output_names=["cells"],
                dynamo=True,
                opset_version=OPSET,
                dynamic_shapes=({0: torch.export.Dim("batch", min=1, max=256)},),
                external_data=False,
                verbose=False,
            )
            model = onnx.load(str(path))
    finally:
        logger.setLevel(level)
    for node in model.graph.node:
        del node.metadata_props[:]
        node.doc_string = ""
    return model
