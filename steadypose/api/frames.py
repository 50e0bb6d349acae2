"""Frames of a camera, a file or an address, with the people in them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack

from steadypose.api.closing import Closing
from steadypose.api.frame import Frame
from steadypose.api.handing_out import HandOut
from steadypose.api.wording import as_arguments
from steadypose.engines.errors import SteadyposeError
from steadypose.realtime.sources.base import Source
from steadypose.realtime.tracking.pipeline import Pipeline
from steadypose.realtime.tracking.stream import Stream


class Frames(Closing):
    """An open source with its network: iterate over it once.

    Args:
        source: Closed with this.
        pipeline: Its engine is closed with this.
        is_smooth: Hand out filtered positions.
    """

    def __init__(self, source: Source, pipeline: Pipeline, *, is_smooth: bool) -> None:
        self._source = source
        self._pipeline = pipeline
        hand_out = HandOut(pipeline, is_smooth=is_smooth)
        self._stop = threading.Event()
        self._turn = threading.Lock()
        self._frames = Stream(
            source,
            pipeline,
            lambda crops: hand_out(crops.frame, pipeline.poses(is_smooth=is_smooth)),
            may_read=lambda: not self._stop.is_set(),
        ).run()
        self.close_at_exit()

    @property
    def label(self) -> str:
        """The source in a line: what it is, size and rate."""
        return self._source.label

    @property
    def engine(self) -> str:
        """The network and what it runs on."""
        return f"{self._pipeline.engine.spec.name} on {self._pipeline.engine.label}"

    @property
    def names(self) -> tuple[str, ...]:
        """Keypoint names, in order."""
        return self._pipeline.engine.spec.skeleton.keypoints

    @property
    def fps(self) -> float:
        """Nominal frame rate of the source."""
        return self._source.fps

    @property
    def is_live(self) -> bool:
        """True for a camera or stream, whose unread frames are dropped."""
        return self._source.is_live

    @property
    def frame_count(self) -> int | None:
        """How many frames there are; None if it cannot be known."""
        return self._source.frame_count

    @property
    def trouble(self) -> str | None:
        """What is wrong with a camera or stream at the moment; None when all is well."""
        return self._source.trouble

    @property
    def dropped(self) -> int:
        """Frames of a live source that newer ones replaced so far."""
        return self._source.dropped

    def __iter__(self) -> Iterator[Frame]:
        """The frames: of a file every one, of a camera always the newest.

        Raises:
            Error: The source broke; all frames before were handed out.
        """
        while not self._stop.is_set():
            with self._turn:
                try:
                    frame = next(self._frames)
                except StopIteration:
                    return
                except SteadyposeError as error:
                    error.say_as(as_arguments)
                    raise
            if frame is not None and not self._stop.is_set():
                yield frame

    def close(self) -> None:
        """Release the camera or file and the network. Safe to call twice, and from any thread.

        A loop on another thread ends: after the frame that it works on, or at once while it
        waits for one.
        """
        self._stop.set()
        with self._turn, ExitStack() as last:  # each happens, whatever the others raise
            last.callback(self._pipeline.engine.close)
            last.callback(self._source.close)
            last.callback(self._frames.close)
