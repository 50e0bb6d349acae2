"""Network addresses: of the web, a file if it has a length or ends; all others are cameras."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from steadypose.engines.wording.printable import visible
from steadypose.realtime.sources.address import shown
from steadypose.realtime.sources.base import Source
from steadypose.realtime.sources.live import LiveSource
from steadypose.realtime.sources.pictures import is_too_large
from steadypose.realtime.sources.video.colours import ToBgr
from steadypose.realtime.sources.video.container import Input, open_address
from steadypose.realtime.sources.video.damage import Damage
from steadypose.realtime.sources.video.decoding import Tally, frames_of
from steadypose.realtime.sources.video.film import play
from steadypose.realtime.sources.video.turning import Turning, turned

_PICTURES = frozenset({"mpjpeg"})  # what cameras send to browsers
_ON_ONE_THREAD = "h264"
"""A decoder that guesses missing slices and tells so; with a thread a slice, what the memory held
before is left there without a word."""
_LOOKED_S, _LOOKED_PICTURES_S = 1.0, 0.25
_MOST_AHEAD_BYTES = 64_000_000
# A camera sends what it has kept, some seconds, and then no more than happens.
_KEPT_S, _FASTER = 10.0, 3.0


def open_web(url: str, *, is_paced: bool, decode: str = "auto") -> Source:
    """Open a web address as whatever it is.

    Raises:
        SourceError: Nothing answers, or what comes is no video.
    """
    film = open_address(url, decode=decode)
    try:
        is_file = film.size > 0 or film.duration_s is not None or _is_soon_over(film)
    except BaseException:
        film.close()
        raise
    if is_file:
        return play(film, is_paced=is_paced)
    opened, damage = [film], Damage()

    def open_camera() -> WebCamera:
        again = opened.pop() if opened else open_address(url, decode=decode)
        return WebCamera(again, shown(url), damage)

    return LiveSource(open_camera, noted=damage.remarks)


def open_stream(url: str, *, decode: str, transport: str) -> LiveSource:
    """Open an address that is no file, now and after each loss.

    Raises:
        SourceError: Nothing answers, or what comes is no video.
    """
    damage = Damage()

    def open_camera() -> WebCamera:
        film = open_address(url, decode=decode, transport=transport)
        return WebCamera(film, shown(url), damage)

    return LiveSource(open_camera, noted=damage.remarks)


class _Ahead:
    """A container of which some packets were read already; ``demux`` begins with them.

    Args:
        container: PyAV's.
        packets: What was read.
        rest: What reads on.
    """

    def __init__(self, container: Any, packets: deque[Any], rest: Iterator[Any]) -> None:
        self._container, self._packets = container, packets
        self._rest: Iterator[Any] | None = rest

    def __getattr__(self, name: str) -> Any:
        return getattr(self._container, name)

    def demux(self) -> Iterator[Any]:
        """See ``av.container.InputContainer.demux``."""
        while self._packets:
            yield self._packets.popleft()
        rest, self._rest = self._rest, None
        yield from self._container.demux() if rest is None else rest


def _is_soon_over(film: Input) -> bool:
    """Look ahead for a moment: does it end, or come faster than anything happens?

    What was read stays with the film.
    """
    limit_s = _LOOKED_PICTURES_S if film.formats & _PICTURES else _LOOKED_S
    begin_s = time.perf_counter()
    packets: deque[Any] = deque()
    rest = film.container.demux()
    taken, times = 0, list[int]()
    is_over = False
    failure: Exception | None = None
    try:
        for packet in rest:
            packets.append(packet)
            taken += packet.size
            if packet.stream_index == film.stream.index and packet.pts is not None:
                times.append(packet.pts)
            if time.perf_counter() - begin_s > limit_s or taken > _MOST_AHEAD_BYTES:
                break
        else:
            is_over = True
    except (av.error.FFmpegError, OSError) as error:
        is_over = film.is_end(error)
        failure = None if is_over else error
    if failure is not None:
        rest = _failing(failure)  # the container's own reading ends with it, without a word
    film.container = _Ahead(film.container, packets, iter(()) if is_over else rest)
    if is_over or film.formats & _PICTURES or not times:
        return is_over
    covered_s = float((max(times) - min(times)) * film.stream.time_base)
    return covered_s > _KEPT_S + _FASTER * (time.perf_counter() - begin_s)


def _failing(error: Exception) -> Iterator[Any]:
    """Nothing more, and why."""
    yield from ()
    raise error


class WebCamera:
    """An opened address as a ``Device``: a broken picture costs itself.

    Args:
        film: Taken over.
        address: As it may be shown.
        damage: Of the camera.
    """

    def __init__(self, film: Input, address: str, damage: Damage) -> None:
        self._film, self._damage = film, damage
        self._to_bgr, self._turning = ToBgr(), Turning()
        context = film.stream.codec_context
        context.thread_type = "SLICE"  # threads for frames would give each some frames later
        if context.name == _ON_ONE_THREAD:
            context.thread_count = 1
        self.fps = film.fps
        size = f", {context.width}x{context.height}" if context.width else ""
        self.label = visible(f"{address}{size}, {round(film.fps, 3):g} fps")
        self._frames = frames_of(film, Tally())
        damage.connected(time.perf_counter())

    def read(self) -> tuple[NDArray[np.uint8], float] | None:
        """See ``Device.read``."""
        for frame in self._frames:
            arrived_s = time.perf_counter()
            if is_too_large(frame.width, frame.height):
                continue
            if not self._damage.may_show(frame, arrived_s):
                continue
            try:
                return turned(self._to_bgr(frame), self._turning.of(frame)), arrived_s
            except (av.error.FFmpegError, ValueError):
                continue
        return None

    def close(self) -> None:
        """Hang up."""
        self._film.close()
