"""How the words after options become values."""

from __future__ import annotations

import argparse
import math


def size(text: str) -> tuple[int, int]:
    """Parse HEIGHTxWIDTH, pixels."""
    try:
        height, width = (int(part) for part in text.lower().split("x"))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not HEIGHTxWIDTH") from None
    if not (16 <= height <= 4096 and 16 <= width <= 4096):
        raise argparse.ArgumentTypeError(f"{text} is not between 16 and 4096")
    return height, width


def channels(text: str) -> tuple[int, ...]:
    """Parse a list such as 256,256,256: three, which makes heatmaps of stride 4."""
    try:
        counts = tuple(int(part) for part in text.split(","))
    except ValueError:
        counts = ()
    if len(counts) != 3 or min(counts) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not three numbers such as 256,256,256")
    return counts


def triple(text: str) -> tuple[float, ...]:
    """Parse a number per colour."""
    try:
        numbers = tuple(float(part) for part in text.split(","))
    except ValueError:
        numbers = ()
    if len(numbers) != 3 or not all(map(math.isfinite, numbers)):
        raise argparse.ArgumentTypeError(f"{text!r} is not three numbers such as 0.5,0.5,0.5")
    return numbers
