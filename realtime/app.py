"""The loop: frames in, poses out, shown and kept."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.errors import RecordError, SteadyposeError
from realtime.caption import CAPTION_EVERY_S, Caption
from realtime.datatypes import FloatArray, Frame, Pose
from realtime.display import Display
from realtime.draw import draw_hud, draw_poses, mirrored
from realtime.outputs import Outputs, output_folder
from realtime.pipeline import Batch, Pipeline
from realtime.record.video import Paint
from realtime.sources import Source
from realtime.timing import Stopwatch, busy_time_s

_POLL_S = 0.05  # how long the loop waits for a frame before it looks at the keyboard again
MOST_AHEAD_S = 0.1
"""How far into the future a pose is drawn at most."""


@dataclass(slots=True)
class Waiting:
    """A frame that left the engine, on its way to the screen and the files."""

    batch: Batch
    found: FloatArray
    poses: list[Pose] | None = None
    drawn: list[Pose] | None = None

    def complete(self, pipeline: Pipeline, *, is_smooth: bool) -> None:
        """Follow the people of this frame, once."""
        if self.poses is None:
            begin_s = time.perf_counter()
            pipeline.complete(self.batch, self.found)
            self.poses = pipeline.poses(is_smooth=is_smooth)
            self.batch.track_ms = (time.perf_counter() - begin_s) * 1e3


@dataclass(slots=True)
class App:
    """One run.

    While the engine works on a frame, the frame before it is drawn, shown and
    recorded, so that work costs no time where the engine leaves a core free.

    Attributes:
        source: Gives frames.
        pipeline: Finds and follows people.
        display: A window, or nothing.
        outputs: Files to write.
        is_smooth: Show and record filtered positions.
        is_predicting: Draw in the window where people will be when it is seen.
        is_mirrored: Mirror the picture that is shown, nothing else.
        max_frames: Stop after this many.
        progress: Called about four times a second with the number of frames done.
        say: Told when the camera is lost and when it is back.
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
    watch: Stopwatch = field(default_factory=Stopwatch)
    _is_paused: bool = False
    _has_help: bool = False
    _is_done: bool = False
    _begin_s: float = 0.0
    _cpu_s: float = 0.0
    _first_s: float = 0.0
    _end_s: float = 0.0
    _caption: Caption = field(default_factory=Caption)
    _shown: Waiting | None = None
    _waiting: Waiting | None = None
    _fetched: int = 0
    _apart_s: float = 0.0
    _last_apart_s: float = 0.0
    _last_busy_s: float = 0.0
    _progress_s: float = 0.0
    _trouble: str | None = None

    @property
    def fps(self) -> float:
        """Frames a second from the first delivered frame to the last; 0 where that is no time.

        Opening the source and searching the first frame are start-up, not rate.
        """
        intervals, span_s = self.watch.frames - 1, self._end_s - self._first_s
        return intervals / span_s if intervals > 0 and span_s > 0 else 0.0

    @property
    def first_frame_s(self) -> float:
        """Seconds from the start of the loop to the first delivered frame."""
        return max(0.0, self._first_s - self._begin_s)

    @property
    def cpu_ms_per_frame(self) -> float:
        """CPU time of all threads in the loop, user and system, for each frame, milliseconds."""
        return 1e3 * self._cpu_s / max(1, self.watch.frames)

    @property
    def _is_full(self) -> bool:
        """Whether as many frames were fetched as were asked for."""
        return self.max_frames is not None and self._fetched >= self.max_frames

    def run(self) -> None:
        """Work until the source is over, a key ends it, or something breaks.

        Raises:
            SteadyposeError: The source or a file failed; what was recorded is kept.
        """
        self._begin_s = self._end_s = time.perf_counter()
        self._last_busy_s = busy_time_s()
        begin_cpu_s = time.process_time()
        try:
            self._loop()
        finally:
            self._flush()
            self._cpu_s = time.process_time() - begin_cpu_s

    def _loop(self) -> None:
        """Keep the engine busy, and do everything else while it is.

        A file's next frame is prepared while the engine works, so only the hand-over
        lies between two inferences. A live frame is completed before the next is
        cut: the newest pose gives the best crop, and there is nothing to fetch yet.
        """
        is_ahead = not self.source.is_paced
        ready: Batch | None = None
        while not self._is_done:
            batch, ready = ready or self._next(wait=self._waiting is None), None
            if batch is not None:
                self.pipeline.start(batch)
            was_waiting = self._waiting is not None
            self._flush()
            if batch is not None:
                failure: BaseException | None = None
                try:
                    ready = self._next(wait=True) if is_ahead else None
                except (SteadyposeError, KeyboardInterrupt) as error:
                    failure = error  # raised once the frame in the engine is safe
                begin_s = busy_time_s()
                self._waiting = Waiting(batch, self.pipeline.finish(batch))
                self._apart_s += busy_time_s() - begin_s
                if failure is not None:
                    raise failure
                if not is_ahead:
                    self._waiting.complete(self.pipeline, is_smooth=self.is_smooth)
            elif not was_waiting and self._is_finished():
                break
            self._handle_keys()

    def _next(self, *, wait: bool) -> Batch | None:
        """Fetch and prepare the next frame; None when there is none now."""
        if self._is_paused or self._is_full:
            return None
        begin_s = busy_time_s()
        frame = self.source.read(_POLL_S if wait else 0.0)
        self._apart_s += busy_time_s() - begin_s
        self._report_trouble()
        if frame is None:
            return None
        self._fetched += 1
        return self.pipeline.prepare(frame)

    def _is_finished(self) -> bool:
        """Nothing came and nothing waits: over, paused, or in trouble?"""
        if self._is_paused:
            time.sleep(_POLL_S)
            return False
        if self._is_full or self.source.is_over:
            return True
        self._show_trouble()
        return False

    def _flush(self) -> None:
        """Complete, draw, show and record the frame that waits for it."""
        if self._waiting is not None:
            waiting, self._waiting = self._waiting, None
            waiting.complete(self.pipeline, is_smooth=self.is_smooth)
            self._deliver(waiting)

    def _deliver(self, result: Waiting) -> None:
        """Draw, show and record one frame."""
        begin_s = time.perf_counter()
        frame, poses = result.batch.frame, result.poses or []
        self.outputs.write_poses(frame, poses)
        recorded_s = time.perf_counter()
        age_ms = (recorded_s - frame.captured_s) * 1e3
        if self.outputs.wants_video:
            self.outputs.write_picture(
                self._painter(result, is_window=False, age_ms=age_ms), frame.time_s
            )
        written_s = time.perf_counter()
        shown: NDArray[np.uint8] | None = None
        if self.display.is_window:
            result.drawn = self._foreseen(frame)
            shown = self._painter(result, is_window=True, age_ms=age_ms)()
        drawn_s = time.perf_counter()
        if shown is not None:
            self.display.show(shown)
        self._shown = result
        if self.progress is not None and drawn_s - self._progress_s > CAPTION_EVERY_S:
            self._progress_s = drawn_s
            self.progress(self.watch.frames + 1)
        self._end_s = time.perf_counter()
        if self.watch.frames == 0:
            self._first_s = self._end_s
        self.watch.add(
            overhead=self._overhead_ms(),
            crop=result.batch.crop_ms,
            engine=result.batch.engine_ms,
            track=result.batch.track_ms,
            record=(written_s - begin_s) * 1e3,
            draw=(drawn_s - written_s) * 1e3,
            show=(self._end_s - drawn_s) * 1e3,
            age=(self._end_s - frame.captured_s) * 1e3,
        )

    def _foreseen(self, frame: Frame) -> list[Pose] | None:
        """People as they will be when the picture is seen; None: as they were recorded.

        The frame's age is measured, drawing and showing are expected to take as long
        as they did lately. Nobody foresees more than a tenth of a second.
        """
        if not (self.is_predicting and self.is_smooth):
            return None
        age_s = time.perf_counter() - frame.captured_s
        if self.watch.frames:
            age_s += (self.watch.recent("draw") + self.watch.recent("show")) / 1e3
        return self.pipeline.poses_ahead(frame.time_s + min(age_s, MOST_AHEAD_S))

    def _overhead_ms(self) -> float:
        """What the loop's own thread worked since the last frame, outside engine and source."""
        now_s = busy_time_s()
        worked_s = (now_s - self._last_busy_s) - (self._apart_s - self._last_apart_s)
        self._last_busy_s, self._last_apart_s = now_s, self._apart_s
        return worked_s * 1e3

    def _painter(self, result: Waiting, *, is_window: bool, age_ms: float) -> Paint:
        """A function that draws this frame as it is to be seen now; any thread may call it."""
        is_mirrored = is_window and self.is_mirrored
        image = result.batch.frame.image_bgr
        # A recorded picture shows what is recorded.
        poses = (result.drawn if is_window else None) or result.poses or []
        hud = partial(
            draw_hud,
            lines=self._caption.lines(self, age_ms),
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

    def _show_trouble(self) -> None:
        """Keep the window alive while no frame comes."""
        if self.display.is_window and self.source.trouble:
            self._forget_prediction()
            self._show_again()

    def _show_again(self) -> None:
        """Draw the last frame anew, with its age now."""
        if self._shown is not None:
            age_ms = (time.perf_counter() - self._shown.batch.frame.captured_s) * 1e3
            self._caption.renew()
            paint = self._painter(self._shown, is_window=True, age_ms=age_ms)
            self.display.show(paint())

    def _forget_prediction(self) -> None:
        """A picture that stands still shows people where they are in it."""
        if self._shown is not None:
            self._shown.drawn = None

    def _report_trouble(self) -> None:
        """Say once when the camera is lost, and once when it is back."""
        trouble = self.source.trouble
        if self.say is not None and bool(trouble) != bool(self._trouble):
            self.say(trouble or "the camera is back")
        self._trouble = trouble

    def _handle_keys(self) -> None:
        for key in self.display.pressed():
            action = {
                "q": self._quit,
                "escape": self._quit,
                "close": self._quit,
                " ": self._pause,
                "r": self._record,
                "s": self._snapshot,
                "m": self._mirror,
                "k": self._smooth,
                "h": self._help,
            }.get(key)
            if action is not None:
                action()
                self._redraw()

    def _quit(self) -> None:
        self._is_done = True

    def _pause(self) -> None:
        self._is_paused = not self._is_paused
        self._forget_prediction()
        self._caption.say("paused" if self._is_paused else "running")

    def _mirror(self) -> None:
        self.is_mirrored = not self.is_mirrored

    def _help(self) -> None:
        self._has_help = not self._has_help

    def _smooth(self) -> None:
        self.is_smooth = not self.is_smooth
        if self._shown is not None and self._is_paused:
            self._shown.drawn = self.pipeline.poses(is_smooth=self.is_smooth)
        self._caption.renew()
        self._caption.say("smoothing on" if self.is_smooth else "smoothing off: raw keypoints")

    def _record(self) -> None:
        try:
            self._caption.say(self.outputs.toggle())
        except RecordError as error:
            self._caption.say(error.what)

    def _snapshot(self) -> None:
        if self._shown is None:
            return
        try:
            folder = output_folder()
        except RecordError as error:
            self._caption.say(error.what)
            return
        path = folder / f"snapshot-{datetime.now():%Y%m%d-%H%M%S-%f}.png"
        canvas = self._shown.batch.frame.image_bgr.copy()
        draw_poses(canvas, self._shown.poses or [])
        is_written = cv2.imwrite(str(path), canvas)
        self._caption.say(f"saved {path}" if is_written else f"cannot write {path}")

    def _redraw(self) -> None:
        """Answer a key at once, also while paused."""
        if self._is_paused and not self._is_done:
            self._show_again()
