"""Make the README's animation: seven seconds of the demo, as the program draws them.

python -m benchmarks.picture [--output docs/images/demo.webp]

Writing animations needs OpenCV 4.11 or newer.
"""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.common import frames_of, guarded, open_network, parser
from steadypose.realtime.app.draw import draw_hud, draw_poses
from steadypose.realtime.model.places import ROOT
from steadypose.realtime.tracking.pipeline import Pipeline

FIRST, LAST, EVERY = 156, 356, 2
"""Frames of the demo, which has 30 a second: stretched arms, then a squat."""

SIZE_WH = (480, 270)
QUALITY = 60  # of WebP, 1 to 100


def main() -> None:
    """Draw and write."""
    output = parser(__doc__).parse_args().output or ROOT / "docs" / "images" / "demo.webp"
    engine = open_network()
    pipeline = Pipeline(engine)
    pictures: list[NDArray[np.uint8]] = []
    for frame in islice(frames_of("demo"), LAST + 1):
        index = frame.index
        poses = pipeline.process(frame)
        if index >= FIRST and index % EVERY == 0:
            canvas = frame.image_bgr.copy()
            draw_poses(canvas, poses)
            draw_hud(canvas, (engine.label,), is_recording=True)
            pictures.append(cv2.resize(canvas, SIZE_WH, interpolation=cv2.INTER_AREA))
    animation = cv2.Animation()
    animation.frames = pictures
    animation.durations = [round(EVERY * 1000 / 30)] * len(pictures)
    Path(output).parent.mkdir(parents=True, exist_ok=True)
    cv2.imwriteanimation(str(output), animation, (cv2.IMWRITE_WEBP_QUALITY, QUALITY))
    print(output)


if __name__ == "__main__":
    guarded(main)
