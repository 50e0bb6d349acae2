"""Short videos of the mannequin, for archives."""

from __future__ import annotations

from pathlib import Path

import av
import cv2

from steadypose.realtime.sources.opening import SourceOptions, open_source

SIZE_WH = (160, 90)


def write_clips(
    folder: Path, names: list[str], *, frames: int = 4, is_empty: bool = False
) -> list[Path]:
    """A clip for each name, each of other frames of the demo, or of a grey wall."""
    source = open_source(SourceOptions("demo"))
    paths = []
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with av.open(str(path), "w") as target:
            stream = target.add_stream("libx264", rate=30)
            stream.width, stream.height, stream.pix_fmt = (*SIZE_WH, "yuv420p")
            for _ in range(frames):
                frame = source.read(5.0)
                if frame is None:  # the demo has a last one
                    source = open_source(SourceOptions("demo"))
                    frame = source.read(5.0)
                assert frame is not None
                if is_empty:
                    frame.image_bgr[:] = 128
                small = cv2.resize(frame.image_bgr, SIZE_WH)
                for packet in stream.encode(av.VideoFrame.from_ndarray(small, format="bgr24")):
                    target.mux(packet)
            for packet in stream.encode():
                target.mux(packet)
        paths.append(path)
    source.close()
    return paths
