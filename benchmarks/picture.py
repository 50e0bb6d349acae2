"""The picture in the README: three moments of the demo, as the program draws them.

python -m benchmarks.picture [--output docs/demo.png]
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.common import guarded, parser
from steadypose.engines.options import EngineOptions, default_threads
from steadypose.engines.registry import open_engine
from steadypose.realtime.app.draw import draw_hud, draw_poses
from steadypose.realtime.model.places import DEFAULT_MODEL, ROOT
from steadypose.realtime.sources.opening import SourceOptions, open_source
from steadypose.realtime.tracking.pipeline import Pipeline

MOMENTS = (100, 205, 430)


def main() -> None:
    """Draw and write."""
    output = parser(__doc__).parse_args().output or ROOT / "docs" / "demo.png"
    options = EngineOptions(threads=default_threads())
    engine = open_engine(DEFAULT_MODEL, backend="auto", options=options).engine
    pipeline, source = Pipeline(engine), open_source(SourceOptions("demo"))
    pictures: list[NDArray[np.uint8]] = []
    while len(pictures) < len(MOMENTS):
        frame = source.read(5.0)
        if frame is None:
            continue
        poses = pipeline.process(frame)
        if frame.index in MOMENTS:
            canvas = frame.image_bgr.copy()
            draw_poses(canvas, poses)
            middle = float(np.nanmean(poses[0].xy[:, 0])) if poses else canvas.shape[1] / 2
            left = int(np.clip(middle - 160, 0, canvas.shape[1] - 320))
            canvas = np.ascontiguousarray(canvas[:, left : left + 320])
            if not pictures:
                draw_hud(canvas, (engine.label,), is_recording=True)
            pictures.append(canvas)
    source.close()
    Path(output).parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(output), np.hstack(pictures))
    print(output)


if __name__ == "__main__":
    guarded(main)
