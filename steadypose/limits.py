"""Limits that hold before anything else is loaded."""

import os

MOST_PIXELS = 100_000_000
"""Of a picture that is read: a file of some hundred bytes may claim to have a thousand million."""

# OpenCV looks at it when it is loaded, so it is set by the first import of anything in here.
os.environ.setdefault("OPENCV_IO_MAX_IMAGE_PIXELS", str(MOST_PIXELS))
