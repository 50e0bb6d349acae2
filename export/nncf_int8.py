"""int8 for the CPU by NNCF, OpenVINO's own compressor: more of a network, biases corrected."""

from __future__ import annotations

import contextlib
import logging
import os
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from steadypose.engines.errors import EngineUnavailableError
from steadypose.export.trt.precision import network_nodes, to_float


def quantize_with_nncf(model: onnx.ModelProto, crops: NDArray[np.uint8]) -> onnx.ModelProto:
    """An int8 copy of a model file; preprocessing and decoding stay float32.

    Activations are quantised with a zero point where that is more exact, which TensorRT does not
    take.

    Args:
        model: A model file of ours; not modified.
        crops: (N, H, W, 3) uint8 BGR to calibrate the ranges of activations with.

    Raises:
        EngineUnavailableError: NNCF is not installed.
        ModelFileError: The graph has no network to quantise.

    Source:
        Post-training quantisation with fast bias correction: Kozlov et al. 2020
        (arXiv:2002.08679).
    """
    nncf = _imported()
    advanced = nncf.quantization.advanced_parameters
    plain = to_float(model)
    nodes = network_nodes(plain)
    inside = {node.name for node in nodes}
    others = [node.name for node in plain.graph.node if node.name not in inside]
    attends = any(node.op_type == "Softmax" for node in nodes)
    with contextlib.redirect_stdout(None):  # a bar for each of its steps
        made = nncf.quantize(
            plain,
            nncf.Dataset(list(crops), lambda crop: {"crops": crop[None]}),
            preset=nncf.QuantizationPreset.MIXED,
            subset_size=len(crops),
            model_type=nncf.ModelType.TRANSFORMER if attends else None,
            advanced_parameters=nncf.AdvancedQuantizationParameters(
                # Before depthwise convolutions it would take a scale for each channel, which
                # OpenVINO reads and ONNX Runtime refuses (seen with 1.32).
                activations_quantization_params=advanced.QuantizationParameters(per_channel=False),
                # It breaks off at products of two activations (seen with 3.4).
                smooth_quant_alphas=nncf.AdvancedSmoothQuantParameters(matmul=-1),
            ),
            ignored_scope=nncf.IgnoredScope(names=others, validate=False),
        )
    copy = onnx.ModelProto()
    copy.CopyFrom(made)
    del copy.graph.value_info[:]
    del copy.metadata_props[:]
    copy.metadata_props.extend(model.metadata_props)
    return copy


def _imported() -> Any:
    """NNCF, silent and without its reports of use to the network.

    Raises:
        EngineUnavailableError: It is not installed.
    """
    os.environ.setdefault("NNCF_CI", "1")  # its name for: send nothing
    try:
        import nncf  # noqa: PLC0415 - large, and needed by this method alone
    except ModuleNotFoundError as error:
        raise EngineUnavailableError(
            f"--method nncf needs {error.name}, which is not installed",
            fix="pip install nncf, or leave --method out",
        ) from error
    nncf.set_log_level(logging.ERROR)
    return nncf
