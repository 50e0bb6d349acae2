"""Picture files that tests make and look at, under any name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from steadypose.realtime.sources.pictures import decode_picture


def write_picture(path: Path | str, image_bgr: NDArray[Any]) -> None:
    path = Path(path)
    path.write_bytes(cv2.imencode(path.suffix, image_bgr)[1].tobytes())


def look_at(path: Path) -> NDArray[np.uint8]:
    image = decode_picture(np.frombuffer(path.read_bytes(), np.uint8))
    assert image is not None, path
    return image
