"""Steady human poses from a camera; holds ``engines``, ``realtime`` and ``export``.

In the repository those three folders lie beside this one, and are found there. Installed, they
lie inside it. See docs/decisions/0002-packaging.md.
"""

import os
from pathlib import Path

__version__ = "0.1.0"

MOST_PIXELS = 100_000_000
"""Of a picture that is read: a file of some hundred bytes may claim to have a thousand million."""

# OpenCV looks at it when it is loaded, so it is set by the first import of anything in here.
os.environ.setdefault("OPENCV_IO_MAX_IMAGE_PIXELS", str(MOST_PIXELS))

_BESIDE = Path(__file__).resolve().parent.parent
if (_BESIDE / "run.py").is_file():
    __path__.append(str(_BESIDE))
