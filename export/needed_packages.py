"""What each command of export, training and benchmarks needs beside the app's packages.

Imported by the commands before anything that may be missing, which is said in one sentence.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

NEEDS = {
    "export_onnx.py": ("torch", "onnx", "onnxscript", "onnxruntime"),
    "wrap_onnx.py": ("onnx", "onnxruntime"),
    "quantize.py": ("onnx", "onnxruntime"),
    "build_trt.py": ("onnx",),
    "download_weights.py": ("requests", "filelock", "tqdm"),
    "training/train.py": ("torch", "onnx", "tqdm", "matplotlib"),
    "training/evaluate.py": ("torch", "onnx"),
    "training/mix.py": ("torch", "onnx"),
    "training/calibrate.py": ("torch", "onnx", "scipy"),
    "people/__main__.py": ("torch", "tqdm"),
    "accuracy/conditions.py": ("torch",),
    "accuracy/design.py": ("torch", "onnx", "onnxscript", "onnxruntime"),
    "accuracy/lspet.py": ("torch",),
    "accuracy/parity.py": ("onnxruntime",),
    "loop/networks.py": ("torch", "onnx", "onnxscript", "onnxruntime"),
}
REQUIREMENTS = {"export": "requirements-export.txt", "people": "requirements-people.txt"}
"""By folder of the command; others: requirements-train.txt."""


def missing_for(script: str) -> tuple[str, ...]:
    """Packages that a command needs and that are not installed."""
    return tuple(n for n in NEEDS.get(script, ()) if importlib.util.find_spec(n) is None)


def _check() -> None:
    script = Path(sys.argv[0])
    folder = script.absolute().parent.name
    missing = missing_for(script.name if folder == "export" else f"{folder}/{script.name}")
    if missing:
        requirements = REQUIREMENTS.get(folder, "requirements-train.txt")
        sys.stderr.write(
            f"error: {script.name} needs {', '.join(missing)}, not installed for {sys.executable}\n"
            f"  fix: make setup-export, then .venv/bin/python; or pip install -r {requirements}\n"
        )
        sys.exit(2)


_check()
