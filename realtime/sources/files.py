"""Finite sources: every frame is given, in order, decoded ahead on a thread."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from steadypose.engines.wording.printable import visible
from steadypose.realtime.datatypes import Frame
from steadypose.realtime.sources.demo import DemoScene
from steadypose.realtime.sources.pictures import picture_frames

Picture = tuple[NDArray[np.uint8], float]
_Item = tuple[NDArray[np.uint8], int, float, float] | Exception | None

_LATE_S = 0.05
_AHEAD = 8  # frames decoded in advance: evens out slow key frames, 50 MB at Full HD
_AHEAD_BYTES = 256_000_000  # of them all, where frames are larger than 4K


class FileSource:
    """Frames from an iterator that runs on its own thread, none dropped.

    Args:
        pictures: Yields (image_bgr, time_s); may raise ``SteadyposeError``.
        label: One line for people.
        fps: Nominal frame rate.
        frame_count: Expected number of frames, if known.
        is_paced: Give each frame at its own time, as a live source would.
        close: Called when the thread has ended.
        remarks: Filled in while the pictures come.
    """

    is_live = False
    dropped = 0
    trouble: str | None = None

    def __init__(
        self,
        pictures: Iterator[Picture],
        *,
        label: str,
        fps: float,
        frame_count: int | None,
        is_paced: bool,
        close: Callable[[], None] | None = None,
        remarks: Sequence[str] = (),
    ) -> None:
        self.label = visible(label)
        self.fps = fps
        self.frame_count = frame_count
        self.is_over = False
        self._pictures = pictures
        self.is_paced = is_paced
        self._close = close
        self._remarks = remarks
        self._stop = threading.Event()
        self._start_s: float | None = None
        self._queue: queue.Queue[_Item] = queue.Queue(maxsize=_AHEAD)
        self._early: _Item = None  # taken from the queue before its time
        self._has_room = threading.Condition()
        self._queued_bytes = 0
        self._thread = threading.Thread(target=self._decode, name="decode", daemon=True)
        self._thread.start()

    @property
    def remarks(self) -> tuple[str, ...]:
        """See ``Source.remarks``."""
        return tuple(self._remarks)

    def read(self, timeout_s: float) -> Frame | None:
        """Next frame; see ``Source.read``."""
        if self.is_over:
            return None
        until_s = time.perf_counter() + timeout_s
        item, self._early = self._early, None
        try:
            item = item or self._queue.get(block=timeout_s > 0, timeout=timeout_s or None)
        except queue.Empty:
            return None
        if isinstance(item, tuple):
            image, index, time_s, decoded_s = item
            captured_s = time.perf_counter()  # a file's frame has waited for nothing
            if self.is_paced:
                due_s = self._due(time_s)
                captured_s = max(due_s, decoded_s)
                self._stop.wait(max(0.0, min(due_s, until_s) - time.perf_counter()))
                if time.perf_counter() < due_s:
                    self._early = item
                    return None
            self._take_bytes(-image.nbytes)
            return Frame(image, index, time_s, captured_s)
        self.is_over = True
        if item is not None:
            raise item
        return None

    def close(self) -> None:
        """Stop decoding."""
        self._stop.set()
        self._thread.join(timeout=5.0)
        self.is_over = True

    def _decode(self) -> None:
        try:
            for index, (image, time_s) in enumerate(self._pictures):
                if not self._put((image, index, time_s, time.perf_counter())):
                    break
            else:
                self._put(None)
        except Exception as error:
            self._put(error)
        finally:
            if self._close is not None:
                self._close()

    def _due(self, time_s: float) -> float:
        """When a frame has its turn; who is late, be it by a pause, does not catch up."""
        now_s = time.perf_counter()
        if self._start_s is None or now_s > self._start_s + time_s + _LATE_S:
            self._start_s = now_s - time_s
            return now_s
        return self._start_s + time_s

    def _take_bytes(self, count: int) -> bool:
        """Book what a frame takes of the queue; False where there is no room for it now."""
        with self._has_room:
            is_full = count > 0 and self._queued_bytes + count > _AHEAD_BYTES
            if is_full and self._queued_bytes:
                self._has_room.wait(timeout=0.1)
                return False
            self._queued_bytes += count
            self._has_room.notify()
            return True

    def _put(self, item: _Item) -> bool:
        if isinstance(item, tuple):
            while not self._take_bytes(item[0].nbytes):
                if self._stop.is_set():
                    return False
        while not self._stop.is_set():
            try:
                self._queue.put(item, timeout=0.1)
            except queue.Full:
                continue
            return True
        return False


def open_images(
    paths: list[Path], *, label: str, fps: float, is_paced: bool, has_own_times: bool
) -> FileSource:
    """Play pictures, and all pages in them, as frames.

    An unreadable picture is left out; the error that names it comes after the last
    frame, so one bad file does not cost the others.

    Args:
        paths: Picture files.
        label: One line for people.
        fps: So many pages a second.
        is_paced: At that speed.
        has_own_times: An animation is shown as fast as it says.
    """
    return FileSource(
        picture_frames(paths, fps, has_own_times=has_own_times),
        label=label,
        fps=fps,
        frame_count=len(paths),
        is_paced=is_paced,
    )


def open_demo(
    *, persons: int, frame_count: int | None, size_hw: tuple[int, int], fps: float, is_paced: bool
) -> FileSource:
    """Play the built-in mannequins."""
    scene = DemoScene(size_hw=size_hw, fps=fps, persons=persons)
    height, width = size_hw
    return FileSource(
        _demo_pictures(scene, frame_count),
        label=f"demo, mannequins: {persons}, {width}x{height}, {fps:g} fps",
        fps=fps,
        frame_count=frame_count,
        is_paced=is_paced,
    )


def _demo_pictures(scene: DemoScene, frame_count: int | None) -> Iterator[Picture]:
    index = 0
    while frame_count is None or index < frame_count:
        yield scene.draw(index), index / scene.fps
        index += 1
