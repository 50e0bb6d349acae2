"""Bring a foreign graph to the opset that our own part has."""

from __future__ import annotations

import onnx
from onnx import version_converter

from steadypose.engines.errors import ModelFileError
from steadypose.export.wrap.run import first_line

OPSET = 18


def opset_of(model: onnx.ModelProto) -> int:
    """Version of ONNX's own operators."""
    return max((e.version for e in model.opset_import if e.domain in {"", "ai.onnx"}), default=1)


def to_opset(model: onnx.ModelProto) -> onnx.ModelProto:
    """Copy a network as opset 18 or later; our own part adapts to a later one.

    Raises:
        ModelFileError: Its operators cannot be brought there, or are newer than is known here.
    """
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    opset = opset_of(copy)
    if opset < OPSET:
        try:
            copy = version_converter.convert_version(copy, OPSET)
        except Exception as error:  # C++ exceptions of several kinds
            raise ModelFileError(
                f"opset {opset} cannot be brought to {OPSET}: {first_line(error)}",
                fix=f"export the network again with opset {OPSET}",
            ) from error
    elif opset > onnx.defs.onnx_opset_version():
        raise ModelFileError(
            f"opset {opset} is newer than the installed onnx package knows "
            f"({onnx.defs.onnx_opset_version()})",
            fix=f"export the network again with opset {OPSET}, or pip install -U onnx",
        )
    return copy
