"""What TensorRT 8 must be told, and later versions do by default.

External libraries (cuBLAS, cuDNN) are neither needed nor always installed. Precision flags are
only hints in a weakly typed network: the decoding is kept in float32, and the convolutions in
half, by constraint.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any

from steadypose.engines.backends.tensorrt.api import TensorRt

BEFORE_SHARED_PROFILES = (8, 6)
"""Until then, each context needs an optimisation profile of its own."""

# Their types are fixed by what they are, and constraints on them are refused or harmful: the
# first node converts the uint8 input.
_FREE = ("IDENTITY", "CAST", "CONSTANT", "SHAPE", "QUANTIZE", "DEQUANTIZE")
_LEARNT = ("CONVOLUTION", "DECONVOLUTION")


def is_old(api: TensorRt) -> bool:
    """Whether networks are weakly typed."""
    return api.flavor == "tensorrt" and api.generation < 10


def profiles_wanted(api: TensorRt, batches: int) -> int:
    """How many equal profiles let a context for each batch size exist at once."""
    return batches if is_old(api) and api.numbers < BEFORE_SHARED_PROFILES else 1


def set_flags(api: TensorRt, config: Any, precision: str) -> None:
    """Precision flags, own kernels only, contexts that share a profile."""
    trt = api.module
    for name in {"fp16": ("FP16",), "int8": ("INT8", "FP16")}.get(precision, ()):
        config.set_flag(getattr(trt.BuilderFlag, name))
    sources = trt.TacticSource
    own = (sources.EDGE_MASK_CONVOLUTIONS, sources.JIT_CONVOLUTIONS)
    config.set_tactic_sources(sum(1 << int(source) for source in own))
    for name in ("DISABLE_EXTERNAL_TACTIC_SOURCES_FOR_CORE_0805", "PROFILE_SHARING_0806"):
        if hasattr(trt.PreviewFeature, name):
            config.set_preview_feature(getattr(trt.PreviewFeature, name), True)  # noqa: FBT003


def constrain(
    api: TensorRt,
    network: Any,
    config: Any,
    *,
    precision: str,
    inside: Collection[str],
    outside: Collection[str],
) -> None:
    """Fix the precision of every layer that has one.

    Args:
        api: TensorRT.
        network: As parsed.
        config: Of the builder.
        precision: Of the network; int8 comes from its quantise nodes.
        inside: Names of the network's nodes.
        outside: Names of the others.
    """
    if precision not in {"fp16", "int8"}:
        return
    trt = api.module
    config.set_flag(trt.BuilderFlag.OBEY_PRECISION_CONSTRAINTS)
    for index in range(network.num_layers):
        layer = network.get_layer(index)
        kind = str(layer.type).rpartition(".")[2]
        if kind in _FREE or not _is_float(trt, layer):
            continue
        if not is_named(layer.name, inside, outside):
            layer.precision = trt.DataType.FLOAT
            for k in range(layer.num_outputs):
                layer.set_output_type(k, trt.DataType.FLOAT)
        elif precision == "fp16" and kind in _LEARNT:
            layer.precision = trt.DataType.HALF


def is_named(layer: str, inside: Collection[str], outside: Collection[str]) -> bool:
    """Whether a layer comes from a node inside the network.

    The parser names a layer after its node, and numbers the further layers of one node.
    """
    if layer in inside:
        return True
    return layer not in outside and re.sub(r"_\d+$", "", layer) in inside


def _is_float(trt: Any, layer: Any) -> bool:
    outputs = [layer.get_output(k) for k in range(layer.num_outputs)]
    return all(o.dtype == trt.DataType.FLOAT and not o.is_shape_tensor for o in outputs)
