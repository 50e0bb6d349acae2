"""People in pictures that come from anywhere: a loop, a robot, a notebook."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from steadypose.api.closing import Closing
from steadypose.api.frame import Frame
from steadypose.api.given import check_picture, checked_time
from steadypose.api.handing_out import HandOut
from steadypose.api.options import Chosen, Options
from steadypose.api.wording import as_arguments, in_arguments
from steadypose.engines.errors import SteadyposeError, UsageError
from steadypose.realtime import datatypes

if TYPE_CHECKING:
    from typing_extensions import Unpack


class Tracker(Closing):
    """Finds and tracks people in the pictures of one camera, in the order they were taken.

    Use one for each camera. Close it, or use it in a ``with``; any thread may do so.

    Args:
        options: See ``Options``.

    Raises:
        Error: An option cannot be used, or the model cannot be opened.
    """

    @in_arguments()
    def __init__(self, **options: Unpack[Options]) -> None:
        chosen = Chosen.of(options)
        self._engine = chosen.open_engine()
        try:
            pipeline = chosen.make_pipeline(self._engine, is_paced=True)
        except BaseException:
            self._engine.close()
            raise
        self._is_smooth = chosen.is_smooth
        self._hand_out = HandOut(pipeline, is_smooth=chosen.is_smooth)
        self._pipeline = pipeline
        self._turn = threading.Lock()
        self._index = 0
        self._begin_s: float | None = None
        self._last_s: float | None = None
        self._is_closed = False
        self.close_at_exit()

    def __call__(self, image_bgr: NDArray[np.uint8], *, time_s: float | None = None) -> Frame:
        """Find the people of the next picture.

        Args:
            image_bgr: (H, W, 3) uint8, blue first as OpenCV has it. Not changed, not kept
                beyond the returned frame.
            time_s: When it was taken, seconds on any clock that only grows; None: now.

        Raises:
            Error: It is no such picture, its time lies before the last one's, or the tracker
                is closed.
        """
        check_picture(image_bgr)
        if time_s is not None:
            time_s = checked_time(time_s)
        with self._turn:
            if self._is_closed:
                raise UsageError("this tracker is closed", fix="make a new sp.Tracker")
            try:
                return self._next(image_bgr, time_s)
            except SteadyposeError as error:
                error.say_as(as_arguments)
                raise

    def _next(self, image_bgr: NDArray[np.uint8], time_s: float | None) -> Frame:
        if time_s is None:
            now_s = time.perf_counter()
            self._begin_s = now_s if self._begin_s is None else self._begin_s
            time_s = now_s - self._begin_s
        if self._last_s is not None and time_s < self._last_s:
            raise UsageError(
                f"time runs backwards by {self._last_s - time_s:g} s",
                fix="pass pictures in the order they were taken, one Tracker for each camera, and "
                "time_s always or never",
            )
        frame = datatypes.Frame(image_bgr, self._index, time_s, time.perf_counter())
        self._last_s = time_s
        self._index += 1
        poses = self._pipeline.process(frame, is_smooth=self._is_smooth)
        return self._hand_out(frame, poses)

    def close(self) -> None:
        """Free the network, once the picture that is worked on is done. Safe to call twice."""
        with self._turn:
            self._is_closed = True
            self._engine.close()
