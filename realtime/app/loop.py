"""The main loop: read a frame, find poses, show and record them."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from numpy.typing import NDArray

from steadypose.engines.errors import RecordError
from steadypose.realtime.app.caption import CAPTION_EVERY_S, Caption
from steadypose.realtime.app.clock import Clock
from steadypose.realtime.app.display import WITHOUT_SCREEN, Display, without_screen
from steadypose.realtime.app.draw import draw_hud
from steadypose.realtime.app.keys import find_key
from steadypose.realtime.app.tracked_frame import TrackedFrame, blackened, tracked
from steadypose.realtime.app.trouble import Trouble
from steadypose.realtime.datatypes import Frame, Pose
from steadypose.realtime.record.live.state import Page, RunState
from steadypose.realtime.record.outputs import Outputs
from steadypose.realtime.record.picture import Paint
from steadypose.realtime.smooth.live_angles import LiveAngles
from steadypose.realtime.sources.base import Source
from steadypose.realtime.tracking.pipeline import Crops, Pipeline
from steadypose.realtime.tracking.stream import Stream

_POLL_S = 0.05  # how long the loop waits for a frame before it looks at the keyboard again
Frames = Generator[TrackedFrame | None, None, None]
MOST_AHEAD_S = 0.1
"""Longest prediction of a drawn pose."""


@dataclass(slots=True)
class App:
    """One run.

    While the engine works on a frame, the frame before it is drawn, shown and
    recorded, so that work costs no time if the engine leaves a core free: see ``Stream``.

    Attributes:
        source: Provides the frames.
        pipeline: Finds and tracks people.
        display: A window, or nothing.
        outputs: Files to write.
        is_smooth: Show and record filtered positions.
        is_predicting: Draw people in the window as predicted for the moment of display.
        is_mirrored: Mirror the window only; recordings are unchanged.
        is_picture_hidden: Whoever gets a frame, a person or a program, gets it black.
        max_frames: Stop after this many.
        angles: Measures joint angles, to be shown and recorded.
        progress: Called about four times a second with the number of frames done.
        page: Shows the run elsewhere, and has buttons there.
        say: Called with a sentence when the camera or the screen is lost, or the camera is back.
        clock: Times of the run.
    """

    source: Source
    pipeline: Pipeline
    display: Display
    outputs: Outputs
    is_smooth: bool = True
    is_predicting: bool = False
    is_mirrored: bool = False
    is_picture_hidden: bool = False
    max_frames: int | None = None
    angles: LiveAngles | None = None
    progress: Callable[[int], None] | None = None
    page: Page | None = None
    say: Callable[[str], object] = lambda _text: None
    clock: Clock = field(default_factory=Clock)
    _caption: Caption = field(default_factory=Caption)
    _is_paused: bool = False
    _has_help: bool = False
    _is_done: bool = False
    _shown: TrackedFrame | None = None
    _progress_s: float = 0.0
    _age_ms: float = 0.0
    _trouble: Trouble = field(default_factory=Trouble)

    def run(self) -> None:
        """Run until the source ends, a key ends the run, or an error occurs.

        Raises:
            SteadyposeError: The source or a file failed; what was recorded is kept.
        """
        self.clock.begin()
        frames = self._stream().run()
        try:
            self._loop(frames)
        finally:
            frames.close()
            self.clock.end()

    def _stream(self) -> Stream[TrackedFrame]:
        return Stream(
            self.source,
            self.pipeline,
            self._take,
            wait_s=_POLL_S,
            may_read=lambda: not (self._is_paused or self._is_done),
            apart=self.clock.apart,
            limit=self.max_frames,
        )

    def _loop(self, frames: Frames) -> None:
        """Deliver frame after frame."""
        for frame in frames:
            if frame is not None:
                self._deliver(frame)
            elif self._is_finished():
                break
            self._trouble.report(self.source, self.say)
            self._handle_keys()

    def _take(self, crops: Crops) -> TrackedFrame:
        if self.is_picture_hidden:  # here, so that no way out can be forgotten
            crops.frame = blackened(crops.frame)
        return tracked(crops, self.pipeline, is_smooth=self.is_smooth, angles=self.angles)

    def _is_finished(self) -> bool:
        """Decide what to do when no frame is available or in flight."""
        if self._is_done:
            return True
        if self._is_paused:
            time.sleep(_POLL_S)
        elif self.display.is_window and self.source.trouble:  # keep the window alive
            self._drop_prediction()
            self._show_again()
        return False

    def _deliver(self, result: TrackedFrame) -> None:
        """Draw, show and record one frame."""
        begin_s = time.perf_counter()
        frame, poses = result.crops.frame, result.poses
        self.outputs.write_poses(frame, poses, result.angles)
        age_ms = self._age_ms = (time.perf_counter() - frame.captured_s) * 1e3
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
        self._shown = result
        if self.progress is not None and drawn_s - self._progress_s > CAPTION_EVERY_S:
            self._progress_s = drawn_s
            self.progress(self.clock.frames + 1)
        number = self.clock.frame_done(
            captured_s=frame.captured_s,
            is_seen=shown is None,
            crop=result.crops.crop_ms / 1e3,
            engine=result.crops.engine_ms / 1e3,
            track=result.crops.track_ms / 1e3,
            record=written_s - begin_s,
            draw=drawn_s - written_s,
        )
        if shown is not None:
            seen = partial(self.clock.seen, number, captured_s=frame.captured_s, begin_s=drawn_s)
            self.display.show(shown, seen)

    def _predicted_for_display(self, frame: Frame) -> list[Pose] | None:
        """Poses predicted for the moment of display, or None to draw the recorded ones.

        The frame's age is measured; drawing and showing are assumed to take as long as
        in recent frames. The prediction reaches at most ``MOST_AHEAD_S`` ahead.
        """
        if not (self.is_predicting and self.is_smooth):
            return None
        age_s = time.perf_counter() - frame.captured_s
        for stage in ("draw", "show"):
            if not math.isnan(took_ms := self.clock.recent(stage)):
                age_s += took_ms / 1e3
        return self.pipeline.poses_ahead(frame.time_s + min(age_s, MOST_AHEAD_S))

    def _painter(self, result: TrackedFrame, *, is_window: bool, age_ms: float) -> Paint:
        """Make a function that draws this frame as of now; any thread may call it."""
        hud = partial(
            draw_hud,
            lines=self._figures(age_ms),
            alert=self.source.trouble,
            message=self._caption.message,
            is_recording=self.outputs.is_recording,
            has_help=self._has_help,
        )

        return result.painter(
            hud,
            is_predicted=is_window,
            is_mirrored=is_window and self.is_mirrored,
        )

    def _figures(self, age_ms: float) -> tuple[str, ...]:
        return self._caption.lines(
            self.clock,
            age_ms=age_ms,
            dropped=self.source.dropped,
            label=self.pipeline.engine.label,
            is_smooth=self.is_smooth,
        )

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

    def _handle_keys(self) -> None:
        if self.display.is_lost:
            self.display, self._is_paused = without_screen(self.outputs), False
            self.say(WITHOUT_SCREEN)
        far = self.page.pressed() if self.page is not None else []
        for name in (*self.display.pressed(), *far):
            key = find_key(name)
            if key is not None:
                key.act(self)
                if self._is_paused and not self._is_done:
                    self._show_again()  # immediate feedback
        if self.page is not None:
            self.page.tell(self._state())

    def _state(self) -> RunState:
        """What is told to those who watch elsewhere."""
        return RunState(
            lines=self._figures(self._age_ms),
            alert=self.source.trouble,
            message=self._caption.message,
            is_recording=self.outputs.is_recording,
            is_paused=self._is_paused,
            is_smooth=self.is_smooth,
            is_mirrored=self.is_mirrored,
            files=self.outputs.files,
        )

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
        self._try(self.outputs.toggle)

    def snapshot(self) -> None:
        """Save the frame shown last, with its recorded poses."""
        if self._shown is None:
            return
        paint = self._shown.painter()
        self._try(partial(self.outputs.save_snapshot, paint()))

    def _try(self, work: Callable[[], str]) -> None:
        try:
            self._caption.say(work())
        except RecordError as error:
            self._caption.say(error.what)
