"""Small videos for tests, made with PyAV: what is in them and when."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from steadypose.engines.errors import SourceError
from steadypose.realtime.sources.base import Source
from steadypose.realtime.sources.opening import SourceOptions, open_source

CORNERS = {"red": (0, 0, 255), "green": (0, 255, 0), "blue": (255, 0, 0)}


def scene(index: int, size: tuple[int, int] = (96, 64)) -> NDArray[np.uint8]:
    """A picture that shows its number and which way is up: red, green, blue in three corners."""
    width, height = size
    rng = np.random.default_rng(index)
    image = rng.integers(90, 130, (height, width, 3), dtype=np.uint8)
    side = max(1, min(size) // 4)
    image[:side, :side] = CORNERS["red"]
    image[:side, -side:] = CORNERS["green"]
    image[-side:, :side] = CORNERS["blue"]
    for bit in range(8):
        x = side + bit * (width - side) // 8
        image[-side // 2 :, x : x + max(1, (width - side) // 8)] = 235 if index >> bit & 1 else 20
    return image


def number(image: NDArray[np.uint8]) -> int:
    """Which ``scene`` it is."""
    height, width = image.shape[:2]
    side = max(1, min(height, width) // 4)
    step = (width - side) // 8
    places = (side + bit * (width - side) // 8 + step // 2 for bit in range(8))
    return sum(1 << bit for bit, x in enumerate(places) if image[-side // 4, x].mean() > 128)


def corners(image: NDArray[np.uint8]) -> str:
    """The colours at top left, top right, bottom left and bottom right; - is none."""
    at = max(1, min(image.shape[:2]) // 8)
    found = [image[y, x].astype(int) for y in (at, -at - 1) for x in (at, -at - 1)]
    names = {tuple(v > 128 for v in bgr): name for name, bgr in CORNERS.items()}
    return " ".join(names.get(tuple(bool(v > 160) for v in bgr), "-") for bgr in found)


def write(
    path: Path,
    times_s: Sequence[float],
    *,
    codec: str = "libx264",
    base: Fraction = Fraction(1, 90_000),
    rate: int = 30,
    size: tuple[int, int] = (96, 64),
    pix_fmt: str = "yuv420p",
    gop: int = 12,
    b_frames: int = 0,
    stored: Sequence[int | None] | None = None,
    container: dict[str, str] | None = None,
    metadata: dict[str, str] | None = None,
) -> Path:
    """Write a ``scene`` at each time.

    Args:
        path: Its suffix names the container.
        times_s: When each is shown.
        stored: Presentation times that the packets are stored with instead, in ticks of ``base``.
        container: Options of the container.
    """
    with av.open(str(path), "w", options=container or {}) as target:
        stream: Any = target.add_stream(codec, rate=rate)
        stream.width, stream.height, stream.pix_fmt = *size, pix_fmt
        stream.codec_context.time_base = base
        stream.codec_context.gop_size = gop
        if codec == "libx264":
            stream.options = {"preset": "ultrafast", "crf": "18", "bf": str(b_frames)}
        stream.metadata.update(metadata or {})
        made = 0

        def put(packets: list[Any]) -> None:
            nonlocal made
            for packet in packets:
                if stored is not None and stored[made] is not None:
                    packet.pts = stored[made]
                    packet.dts = min(packet.dts, packet.pts)
                made += 1
                target.mux(packet)

        for index, time_s in enumerate(times_s):
            frame: Any = av.VideoFrame.from_ndarray(scene(index, size), format="bgr24")
            frame = frame.reformat(format=pix_fmt)
            frame.pts, frame.time_base = round(time_s / base), base
            put(stream.encode(frame))
        put(stream.encode())
    return path


def listed(path: Path) -> list[float]:
    """Presentation times of a video's packets, sorted, seconds."""
    with av.open(str(path)) as container:
        return sorted(
            float(packet.pts * packet.time_base)
            for packet in container.demux(video=0)
            if packet.pts is not None and not packet.is_discard
        )


def even(count: int, *, rate: float = 30.0, begin_s: float = 0.0) -> list[float]:
    """Times at a constant rate."""
    return [begin_s + index / rate for index in range(count)]


class Watched:
    """What a source gave until its end.

    Attributes:
        times_s: Of the frames.
        numbers: Which scenes they are.
        first: The first frame's picture.
        error: What it ended with; None where nothing is missing.
        remarks: What was odd.
        label: Of the source.
    """

    def __init__(self, source: Source) -> None:
        self.times_s: list[float] = []
        self.numbers: list[int] = []
        self.first: NDArray[np.uint8] | None = None
        self.error: SourceError | None = None
        self.label = source.label
        try:
            while not source.is_over:
                frame = source.read(10.0)
                if frame is not None:
                    self.times_s.append(frame.time_s)
                    self.numbers.append(number(frame.image_bgr))
                    self.first = frame.image_bgr if self.first is None else self.first
        except SourceError as error:
            self.error = error
        self.remarks = " / ".join(source.remarks)
        source.close()


def watch(text: object, **options: Any) -> Watched:
    """Read whatever the text names to its end."""
    return Watched(open_source(SourceOptions(str(text), **options)))


def jpeg(index: int) -> bytes:
    """A ``scene`` as JPEG."""
    return bytes(cv2.imencode(".jpg", scene(index))[1].tobytes())
