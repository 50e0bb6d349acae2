"""Make ``graphs.zip``: every graph of the GPU benchmark, without its large weights.

    python -m benchmarks.gpu.making      # needs torch, onnx, onnxscript and onnxruntime

To be run again when a model file that ships, the export or the quantisation changes;
``tests/benchmarks/test_gpu.py`` notices that for what ships.
"""

from __future__ import annotations

from steadypose.realtime.command.options.parser import require

if __name__ == "__main__":
    require("onnx", requirements="requirements-dev.txt")

import json
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, numpy_helper

from benchmarks.gpu.graphs import ARCHIVE, TYPES, scaled
from benchmarks.gpu.plan import GRAPHS, SHIPPED
from steadypose.engines.spec import METADATA_KEY, ModelSpec
from steadypose.export.checking.real_crops import gather_crops
from steadypose.export.quantize import quantize
from steadypose.export.trt.opset17 import to_opset17
from steadypose.export.trt.precision import network_nodes, to_float, to_half
from steadypose.realtime.model.places import MODELS

_LARGE = 2048  # elements from which on a weight is left out
_INPUT_HW = (256, 192)
_SUFFIXES = ("_fp16", "_quantized", "_stored")


def graphs_of(network: str) -> Iterator[tuple[str, onnx.ModelProto, onnx.ModelProto]]:
    """Precision, graph, and the model file it was made from."""
    if network in SHIPPED:
        original = onnx.load(MODELS / f"{network}.onnx")
    else:
        original = _random_model(network)
    spec = ModelSpec.from_json(
        next(e.value for e in original.metadata_props if e.key == METADATA_KEY)
    )
    crops = gather_crops("demo", spec, count=60)
    for precision in GRAPHS[network]:
        if precision == "int8":
            yield precision, to_half(quantize(original, crops)), original
        elif precision == "int8old":
            yield precision, to_opset17(quantize(original, crops, has_float_weights=True)), original
        else:
            made = (to_half if precision == "fp16" else to_float)(original)
            yield precision, to_opset17(made), original


def _random_model(network: str) -> onnx.ModelProto:
    """A PoseResNet with seeded random weights whose heatmaps peak in [0, 1]."""
    import torch  # noqa: PLC0415

    from steadypose.export.models.pose_resnet import PoseResNet  # noqa: PLC0415
    from steadypose.export.weights.building import build_model  # noqa: PLC0415
    from steadypose.export.weights.recipe import Recipe  # noqa: PLC0415
    from steadypose.export.weights.to_onnx import to_onnx  # noqa: PLC0415

    depth = int(network.removeprefix("pose_resnet").partition("_")[0])
    made = PoseResNet(depth, deconv_filters=(256, 256, 256))
    made.init_weights(seed=depth)
    _calm(made, torch)
    recipe = Recipe(
        network=f"pose_resnet{depth}", deconv=(256, 256, 256), input_hw=_INPUT_HW, sigma=2.0
    )
    model = to_onnx(build_model(recipe, made), recipe, opset=18)
    spec = ModelSpec(network, recipe.skeleton, _INPUT_HW, decoder="dark, half cells")
    entry = model.metadata_props.add()
    entry.key, entry.value = METADATA_KEY, spec.to_json()
    return model


def _calm(network: Any, torch: Any) -> None:
    """Scale random weights so that heatmaps peak in [0, 1]; one pass sets batch statistics."""
    network.train()
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.momentum = 1.0
        network(torch.randn(4, 3, *_INPUT_HW))
        network.eval()
        peak = network(torch.randn(2, 3, *_INPUT_HW)).abs().max()
        network.final_layer.weight /= peak
        network.final_layer.bias /= peak


def take_out(
    made: onnx.ModelProto, original: onnx.ModelProto, *, is_shipped: bool
) -> tuple[list[dict[str, Any]], list[NDArray[np.float32]]]:
    """Remove the large weights from a graph; returns how to make each, and the factors."""
    stored = {t.name: t for t in original.graph.initializer}
    names = {n.output[0]: n.input[0] for n in original.graph.node if n.op_type == "Cast"}
    rules: list[dict[str, Any]] = []
    factors: list[NDArray[np.float32]] = []
    count = 0
    for large in list(made.graph.initializer):
        value = numpy_helper.to_array(large)
        if value.size < _LARGE or large.data_type not in TYPES:
            continue
        rule: dict[str, Any] = {
            "name": large.name, "dims": list(value.shape), "type": large.data_type,
        }  # fmt: skip
        if is_shipped:
            found = _derived(value, stored, names, large)
            if found is None:
                continue  # stays in the graph
            source, axis, scale = found
            rule |= {"from": source, "axis": axis, "factors": count, "channels": len(scale)}
            factors.append(scale)
            count += len(scale)
        spread = value.astype(np.float64)
        rule |= {"mean": float(spread.mean()), "std": float(spread.std())}
        rules.append(rule)
        made.graph.initializer.remove(large)
    return rules, factors


def _derived(
    value: NDArray[Any], stored: dict[str, TensorProto], names: dict[str, str], large: TensorProto
) -> tuple[str, int, NDArray[np.float32]] | None:
    """The stored weight, axis and factors that give a weight; None: there are none."""
    plain = large.name
    for suffix in _SUFFIXES:
        plain = plain.removesuffix(suffix)
    source = names.get(plain, plain)
    if source not in stored or tuple(stored[source].dims) != value.shape:
        return None
    weight = numpy_helper.to_array(stored[source])
    for axis in (0, 1):
        rest = tuple(place for place in range(value.ndim) if place != axis)
        a, b = weight.astype(np.float64), value.astype(np.float64)
        scale = ((a * b).sum(rest) / np.maximum((a * a).sum(rest), 1e-30)).astype(np.float32)
        again = scaled(weight, scale, axis, value.dtype.type).astype(np.float64)
        # A last bit may differ: scale and weight were rounded in another order.
        step = 1.0 if value.dtype == np.int8 else np.maximum(np.abs(b) * 2.0**-10, 2.0**-24)
        if np.all(np.abs(again - b) <= step) and np.mean(again != b) < 0.05:
            return source, axis, scale
    return None


def main() -> None:
    """Write the archive."""
    with zipfile.ZipFile(ARCHIVE, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:

        def put(name: str, data: bytes) -> None:
            archive.writestr(
                zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), data, zipfile.ZIP_DEFLATED
            )

        for network in GRAPHS:
            for precision, made, original in graphs_of(network):
                text = next(e.value for e in made.metadata_props if e.key == METADATA_KEY)
                nodes = network_nodes(made)
                rules, factors = take_out(made, original, is_shipped=network in SHIPPED)
                told = {
                    "spec": replace(ModelSpec.from_json(text), name=network).to_json(),
                    "convolutions": [
                        n.name for n in nodes if n.op_type in {"Conv", "ConvTranspose"}
                    ],
                    "nodes": [n.name for n in nodes],
                    "outside": sorted({n.name for n in made.graph.node} - {n.name for n in nodes}),
                    "weights": rules,
                    "source": f"{network}.onnx" if network in SHIPPED else "",
                }
                put(f"{network}_{precision}.json", json.dumps(told).encode())
                put(f"{network}_{precision}.onnx", made.SerializeToString(deterministic=True))
                joined = np.concatenate(factors) if factors else np.empty(0, np.float32)
                put(f"{network}_{precision}.factors", joined.tobytes())
                print(f"{network} {precision}: {len(rules)} weights left out")
    print(f"{ARCHIVE}: {ARCHIVE.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
