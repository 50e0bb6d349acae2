"""Limits and switches that hold before anything else is loaded."""

import os

MOST_PIXELS = 100_000_000
"""Of a picture that is read: a file of some hundred bytes may claim to have a thousand million."""

# OpenCV looks at them when it is loaded, so they are set by the first import of anything in here.
os.environ.setdefault("OPENCV_IO_MAX_IMAGE_PIXELS", str(MOST_PIXELS))
# Media Foundation takes half a minute to open some cameras unless told not to (opencv#17687).
os.environ.setdefault("OPENCV_VIDEOIO_MSMF_ENABLE_HW_TRANSFORMS", "0")


def most_pixels() -> int:
    """How many pixels a picture, or a frame of a video, may have; a variable may say."""
    chosen = os.environ.get("OPENCV_IO_MAX_IMAGE_PIXELS", "")
    return int(chosen) if chosen.isdecimal() else MOST_PIXELS
