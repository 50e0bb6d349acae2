"""What each command of this folder needs beside the app's packages, said in one sentence.

Imported by the commands before anything that may be missing.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

NEEDS = {
    "export_onnx.py": ("torch", "onnx", "onnxscript", "onnxruntime"),
    "wrap_onnx.py": ("onnx", "onnxruntime"),
    "quantize.py": ("onnx", "onnxruntime"),
    "check_parity.py": ("onnxruntime",),
    "build_trt.py": ("onnx",),
    "download_weights.py": ("numpy",),
}


def missing_for(script: str) -> tuple[str, ...]:
    """Packages that a command needs and that are not installed."""
    return tuple(n for n in NEEDS.get(script, ()) if importlib.util.find_spec(n) is None)


def _check() -> None:
    script = Path(sys.argv[0])
    missing = missing_for(script.name) if script.parent.name == "export" else ()
    if missing:
        sys.stderr.write(
            f"error: {script.name} needs {', '.join(missing)}, not installed for {sys.executable}\n"
            "  fix: make setup-export, then .venv/bin/python; or pip install -r "
            "requirements-export.txt\n"
        )
        sys.exit(2)


_check()
