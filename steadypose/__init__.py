"""Steady human poses from a camera; holds ``engines``, ``realtime`` and ``export``.

In the repository those three folders lie beside this one, and are found there. Installed, they
lie inside it. See docs/decisions/0002-packaging.md.
"""

from pathlib import Path

__version__ = "0.1.0"

_BESIDE = Path(__file__).resolve().parent.parent
if (_BESIDE / "run.py").is_file():
    __path__.append(str(_BESIDE))
