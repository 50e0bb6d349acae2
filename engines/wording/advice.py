"""What users are told to do: export, build, fetch, install.

One place, because it depends on how steadypose got onto the machine.
"""

from __future__ import annotations

from steadypose.engines.wording.printable import quoted

BUILD_TRT = "export/build_trt.py"
DOWNLOAD = "export/download_weights.py"
EXPORT_ONNX = "export/export_onnx.py"
_WRAP_ONNX = "export/wrap_onnx.py"

BUILD_AGAIN = f"build it again: python {BUILD_TRT}"
EXPORT_AGAIN = f"export the model again: python {EXPORT_ONNX}"
EXPORT_NEWER = f"export the model again with this version: python {EXPORT_ONNX}"
EXPORT_OR_RESTORE = "export the model again, or restore the default: git checkout models/"
COPY_OR_RESTORE = (
    "copy or export it again (git checkout models/ restores the default model); weights "
    f"(.pt, .pth) go through python {EXPORT_ONNX}"
)
WRAP_FOREIGN = f"export it to ONNX where it comes from, then python {_WRAP_ONNX}"


def wrap(path: object) -> str:
    """An ONNX file that nobody wrapped yet."""
    return (
        f"wrap it: python {_WRAP_ONNX} --onnx {quoted(path)} --output models/NAME.onnx "
        "(docs/foreign_models.md)"
    )


def install(requirements: str) -> str:
    """The packages that a file names."""
    return f"pip install -r {requirements}"
