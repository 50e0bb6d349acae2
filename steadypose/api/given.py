"""What a program hands over beside options: pictures, times, names of files."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any

import numpy as np

from steadypose.engines.errors import ShapeError, UsageError

_WANTED = "(H, W, 3) uint8, blue first"


def check_picture(image_bgr: Any) -> None:
    """Refuse what is no (H, W, 3) uint8 picture.

    Raises:
        UsageError: It is no array.
        ShapeError: It has another shape or dtype, or no pixels.
    """
    if not isinstance(image_bgr, np.ndarray):
        fix = f"pass an array {_WANTED}: np.asarray makes one of most things"
        if image_bgr is None:
            fix = "pass an array; cv2.imread gives None where it cannot read the file"
        kind = "" if image_bgr is None else f"of type {type(image_bgr).__name__} "
        said = "None " if image_bgr is None else kind
        raise UsageError(f"image_bgr {said}is no picture", fix=fix)
    shape, fix = image_bgr.shape, f"pass {_WANTED}"
    if image_bgr.dtype == np.uint8 and image_bgr.ndim == 3 and shape[2] == 3:
        if image_bgr.size:
            return
        fix = "leave out pictures without pixels"
    elif image_bgr.dtype == np.uint8 and image_bgr.ndim == 2:
        fix = "of grey make colour: cv2.cvtColor(image, cv2.COLOR_GRAY2BGR)"
    elif image_bgr.dtype == np.uint8 and image_bgr.ndim == 3 and shape[2] == 4:
        fix = "leave out transparency: image[..., :3], if blue is first"
    elif image_bgr.dtype.kind == "f":
        fix = "(255 * image).astype(np.uint8), if it lies between 0 and 1"
    raise ShapeError(f"image_bgr is {image_bgr.dtype} {shape}, expected uint8 (H, W, 3)", fix=fix)


def checked_time(time_s: Any) -> float:
    """Seconds as a float.

    Raises:
        UsageError: It is no number, or no time.
    """
    fix = "pass seconds, or leave time_s out"
    if not isinstance(time_s, (int, float, np.number)) or isinstance(time_s, (bool, complex)):
        raise UsageError(f"time_s={time_s!r:.60} is no time", fix=fix)
    try:
        seconds = float(time_s)
    except (OverflowError, TypeError):
        seconds = math.inf
    if not math.isfinite(seconds):
        raise UsageError(f"time_s={time_s!r:.60} is no time", fix=fix)
    return seconds


def path_of(name: Any, argument: str) -> Path:
    """The name of a file.

    Raises:
        UsageError: It is none.
    """
    text = text_of(name)
    if text is None or not Path(text).name:
        fix = "give its path, a str or a Path"
        raise UsageError(f"{argument}={name!r:.60} is no name of a file", fix=fix)
    return Path(text)


def text_of(name: Any) -> str | None:
    """A path as text, whatever kind of path it is; None where it is none."""
    text = os.fspath(name) if isinstance(name, (str, os.PathLike)) else None
    return text if isinstance(text, str) else None
