"""What this system has: tests ask here, and not ``os`` for names that Windows lacks."""

from __future__ import annotations

import os

IS_POSIX = hasattr(os, "geteuid")


def is_root() -> bool:
    """Whether the tests run as root, who may do anything."""
    return IS_POSIX and os.geteuid() == 0
