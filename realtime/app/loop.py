"""The main loop: read a frame, find poses, show and record them."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from numpy.typing import NDArray

from steadypose.engines.errors import RecordError, SteadyposeError
from steadypose.realtime.app.caption import CAPTION_EVERY_S, Caption
from steadypose.realtime.app.clock import Clock
from steadypose.realtime.app.display import Display
from steadypose.realtime.app.draw import draw_hud, draw_poses, mirrored
from steadypose.realtime.app.in_flight import FrameInFlight
from steadypose.realtime.app.keys import find_key
from steadypose.realtime.datatypes import Frame, Pose
from steadypose.realtime.record.outputs import Outputs, save_snapshot
from steadypose.realtime.record.picture import Paint
from steadypose.realtime.sources.base import Source
from steadypose.realtime.tracking.pipeline import Crops, Pipeline

_POLL_S = 0.05  # how long the loop waits for a frame before it looks at the keyboard again
MOST_AHEAD_S = 0.1
"""Longest prediction of a drawn pose."""


@dataclass(slots=True)
class App:
    """One run.

    While the engine works on a frame, the frame before it is drawn, shown and
    recorded, so that work costs no time if the engine leaves a core free.

    Attributes:
        source: Provides the frames.
        pipeline: Finds and tracks people.
        display: A window, or nothing.
        outputs: Files to write.
        is_smooth: Show and record filtered positions.
        is_predicting: Draw people in the window as predicted for the moment of display.
        is_mirrored: Mirror the window only; recordings are unchanged.
        max_frames: Stop after this many.
        progress: Called about four times a second with the number of frames done.
        say: Called with a sentence when the camera is lost and when it is back.
        clock: Times of the run.
    """

    source: Source
    pipeline: Pipeline
    display: Display
    outputs: Outputs
    is_smooth: bool = True
    is_predicting: bool = False
    is_mirrored: bool = False
    max_frames: int | None = None
    progress: Callable[[int], None] | None = None
    say: Callable[[str], None] | None = None
    clock: Clock = field(default_factory=Clock)
    _caption: Caption = field(default_factory=Caption)
    _is_paused: bool = False
    _has_help: bool = False
    _is_done: bool = False
    _waiting: FrameInFlight | None = None
    _shown: FrameInFlight | None = None
    _fetched: int = 0
    _progress_s: float = 0.0
    _trouble: str | None = None

    @property
    def _is_full(self) -> bool:
        """Whether ``max_frames`` frames were fetched."""
        return self.max_frames is not None and self._fetched >= self.max_frames

    def run(self) -> None:
        """Run until the source ends, a key ends the run, or an error occurs.

        Raises:
            SteadyposeError: The source or a file failed; what was recorded is kept.
        """
        self.clock.begin()
        try:
            self._loop()
        finally:
            self._deliver_waiting()
            self.clock.end()

    def _loop(self) -> None:
        """Keep the engine busy and do everything else meanwhile.

        A file's next frame is prepared while the engine works, so only the hand-over
        lies between two inferences. A live frame is completed before the next is
        cut: the newest pose gives the best crop, and there is nothing to fetch yet.
        """
        prepares_ahead = not self.source.is_paced
        ready: Crops | None = None
        while not self._is_done:
            crops, ready = ready or self._next(wait=self._waiting is None), None
            if crops is not None:
                self.pipeline.start(crops)
            was_waiting = self._waiting is not None
            self._deliver_waiting()
            if crops is not None:
                failure: BaseException | None = None
                try:
                    ready = self._next(wait=True) if prepares_ahead else None
                except (SteadyposeError, KeyboardInterrupt) as error:
                    failure = error  # raised once the frame in the engine is stored
                with self.clock.apart():
                    found = self.pipeline.finish(crops)
                self._waiting = FrameInFlight(crops, found)
                if failure is not None:
                    raise failure
                if not prepares_ahead:
                    self._waiting.complete(self.pipeline, is_smooth=self.is_smooth)
            elif not was_waiting and self._is_finished():
                break
            self._handle_keys()

    def _next(self, *, wait: bool) -> Crops | None:
        """Fetch and prepare the next frame; None when there is none now."""
        if self._is_paused or self._is_full:
            return None
        with self.clock.apart():
            frame = self.source.read(_POLL_S if wait else 0.0)
        self._report_trouble()
        if frame is None:
            return None
        self._fetched += 1
        return self.pipeline.prepare(frame)

    def _is_finished(self) -> bool:
        """Decide what to do when no frame is available or in flight."""
        if self._is_paused:
            time.sleep(_POLL_S)
            return False
        if self._is_full or self.source.is_over:
            return True
        if self.display.is_window and self.source.trouble:  # keep the window alive
            self._drop_prediction()
            self._show_again()
        return False

    def _deliver_waiting(self) -> None:
        """Complete and deliver the waiting frame, if any."""
        if self._waiting is not None:
            waiting, self._waiting = self._waiting, None
            waiting.complete(self.pipeline, is_smooth=self.is_smooth)
            self._deliver(waiting)

    def _deliver(self, result: FrameInFlight) -> None:
        """Draw, show and record one frame."""
        begin_s = time.perf_counter()
        frame, poses = result.crops.frame, result.poses or []
        self.outputs.write_poses(frame, poses)
        age_ms = (time.perf_counter() - frame.captured_s) * 1e3
        if self.outputs.wants_video:
            self.outputs.write_picture(
                self._painter(result, is_window=False, age_ms=age_ms), frame.time_s
            )
        written_s = time.perf_counter()
        shown: NDArray[np.uint8] | None = None
        if self.display.is_window:
            result.drawn = self._predicted_for_display(frame)
            shown = self._painter(result, is_window=True, age_ms=age_ms)()
        drawn_s = time.perf_counter()
        if shown is not None:
            self.display.show(shown)
        self._shown = result
        if self.progress is not None and drawn_s - self._progress_s > CAPTION_EVERY_S:
            self._progress_s = drawn_s
            self.progress(self.clock.frames + 1)
        self.clock.frame_done(
            captured_s=frame.captured_s,
            begin_s=drawn_s,
            crop=result.crops.crop_ms / 1e3,
            engine=result.crops.engine_ms / 1e3,
            track=result.crops.track_ms / 1e3,
            record=written_s - begin_s,
            draw=drawn_s - written_s,
        )

    def _predicted_for_display(self, frame: Frame) -> list[Pose] | None:
        """Poses predicted for the moment of display, or None to draw the recorded ones.

        The frame's age is measured; drawing and showing are assumed to take as long as
        in recent frames. The prediction reaches at most ``MOST_AHEAD_S`` ahead.
        """
        if not (self.is_predicting and self.is_smooth):
            return None
        age_s = time.perf_counter() - frame.captured_s
        if self.clock.frames:
            age_s += (self.clock.recent("draw") + self.clock.recent("show")) / 1e3
        return self.pipeline.poses_ahead(frame.time_s + min(age_s, MOST_AHEAD_S))

    def _painter(self, result: FrameInFlight, *, is_window: bool, age_ms: float) -> Paint:
        """Make a function that draws this frame as of now; any thread may call it."""
        is_mirrored = is_window and self.is_mirrored
        image = result.crops.frame.image_bgr
        # The recorded video shows the recorded poses.
        poses = (result.drawn if is_window else None) or result.poses or []
        hud = partial(
            draw_hud,
            lines=self._caption.lines(
                self.clock,
                age_ms=age_ms,
                dropped=self.source.dropped,
                label=self.pipeline.engine.label,
                is_smooth=self.is_smooth,
            ),
            alert=self.source.trouble,
            message=self._caption.message,
            is_recording=self.outputs.is_recording,
            has_help=self._has_help,
        )

        def paint() -> NDArray[np.uint8]:
            canvas = mirrored(image) if is_mirrored else image.copy()
            draw_poses(canvas, poses, is_mirrored=is_mirrored)
            hud(canvas)
            return canvas

        return paint

    def _show_again(self) -> None:
        """Redraw the last frame with its current age."""
        if self._shown is not None:
            age_ms = (time.perf_counter() - self._shown.crops.frame.captured_s) * 1e3
            self._caption.renew()
            paint = self._painter(self._shown, is_window=True, age_ms=age_ms)
            self.display.show(paint())

    def _drop_prediction(self) -> None:
        """Drop the prediction: a still frame shows the measured poses."""
        if self._shown is not None:
            self._shown.drawn = None

    def _report_trouble(self) -> None:
        """Report once that the camera is lost, and once that it is back."""
        trouble = self.source.trouble
        if self.say is not None and bool(trouble) != bool(self._trouble):
            self.say(trouble or "the camera is back")
        self._trouble = trouble

    def _handle_keys(self) -> None:
        for name in self.display.pressed():
            key = find_key(name)
            if key is not None:
                key.act(self)
                if self._is_paused and not self._is_done:
                    self._show_again()  # immediate feedback

    # Actions of keys; see ``keys.Controls``.

    def quit(self) -> None:
        """End after the frame in flight."""
        self._is_done = True

    def pause(self) -> None:
        """Pause or resume fetching frames."""
        self._is_paused = not self._is_paused
        self._drop_prediction()
        self._caption.say("paused" if self._is_paused else "running")

    def mirror(self) -> None:
        """Switch mirroring of the window on or off."""
        self.is_mirrored = not self.is_mirrored

    def show_help(self) -> None:
        """Show or hide the list of keys."""
        self._has_help = not self._has_help

    def smooth(self) -> None:
        """Switch between filtered and raw keypoints."""
        self.is_smooth = not self.is_smooth
        if self._shown is not None and self._is_paused:
            self._shown.drawn = self.pipeline.poses(is_smooth=self.is_smooth)
        self._caption.renew()
        self._caption.say("smoothing on" if self.is_smooth else "smoothing off: raw keypoints")

    def record(self) -> None:
        """Switch recording on or off."""
        try:
            self._caption.say(self.outputs.toggle())
        except RecordError as error:
            self._caption.say(error.what)

    def snapshot(self) -> None:
        """Save the frame shown last, with its recorded poses."""
        if self._shown is None:
            return
        canvas = self._shown.crops.frame.image_bgr.copy()
        draw_poses(canvas, self._shown.poses or [])
        try:
            self._caption.say(save_snapshot(canvas))
        except RecordError as error:
            self._caption.say(error.what)
