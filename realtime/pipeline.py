"""From a frame to poses: the one module that puts the stages together."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from engines.base import Engine
from realtime.crop import CropTransform, cut, place_crop
from realtime.datatypes import BBox, FloatArray, Frame, Pose
from realtime.roi import scan_windows
from realtime.smooth import KalmanSmoother, Smoother
from realtime.track import Tracker, slots_for

SWEEP_S = 0.7
"""Capture time in which the scan visits every window once."""

_FULL_SCAN_BATCH = 8  # windows a batch of the very first scan, which has no time to lose


@dataclass(slots=True)
class Timing:
    """Milliseconds that the stages of one frame took."""

    crop: float = 0.0
    engine: float = 0.0
    track: float = 0.0


@dataclass(slots=True)
class Pipeline:
    """Finds and follows people with one engine.

    ``start`` and ``finish`` are separate so that the caller can draw and record the
    last frame while the engine works on this one.

    Attributes:
        engine: Used on this thread only.
        persons: How many people to follow, 1 to 10.
        smoother: None makes the default Kalman smoother.
        timing: Of the last finished frame.
    """

    engine: Engine
    persons: int = 1
    smoother: Smoother | None = None
    timing: Timing = field(default_factory=Timing)
    tracker: Tracker = field(init=False)
    _places: list[CropTransform] = field(default_factory=list)
    _windows: list[BBox] = field(default_factory=list)
    _frame_hw: tuple[int, int] = (0, 0)
    _next_window: int = 0
    _credit: float = 0.0
    _time_s: float = float("-inf")
    _batch: NDArray[np.uint8] = field(init=False)
    _started_s: float = 0.0
    _track_ms: float = 0.0

    def __post_init__(self) -> None:
        spec = self.engine.spec
        smoother = self.smoother or KalmanSmoother(slots_for(self.persons), len(spec.skeleton))
        self.tracker = Tracker(self.persons, spec.skeleton, smoother)
        capacity = slots_for(self.persons) + _FULL_SCAN_BATCH
        self._batch = np.empty((capacity, *spec.input_hw, 3), np.uint8)

    def start(self, frame: Frame) -> None:
        """Hand a frame's crops to the engine."""
        begin_s = time.perf_counter()
        is_first = not self._windows
        if frame.size_hw != self._frame_hw:
            self._frame_hw = frame.size_hw
            self._windows = scan_windows(frame.size_hw, self.engine.spec.input_hw)
            self._next_window = 0
        dt_s = min(max(0.0, frame.time_s - self._time_s), SWEEP_S)
        self._time_s = frame.time_s
        boxes = self.tracker.predict(frame.time_s)
        predicted_s = time.perf_counter()
        if is_first:
            self._scan_all(frame)
            boxes = self.tracker.predict(frame.time_s)
        padding = self.engine.spec.box_padding
        size_hw = self.engine.spec.input_hw
        self._places = [place_crop(b, size_hw=size_hw, padding=padding) for b in boxes]
        windows = self._due_windows(dt_s)
        self._places += [place_crop(w, size_hw=size_hw, padding=1.0) for w in windows]
        self._submit(frame, self._places)
        self._started_s = time.perf_counter()
        self._track_ms = (predicted_s - begin_s) * 1e3
        self.timing.crop = (self._started_s - predicted_s) * 1e3

    def finish(self) -> None:
        """Wait for the engine and bring the tracks up to date."""
        found = self._fetch(self._places)
        done_s = time.perf_counter()
        count = len(self.tracker.tracks)
        self.tracker.update(found[:count], found[count:])
        self.timing.engine = (done_s - self._started_s) * 1e3
        self.timing.track = self._track_ms + (time.perf_counter() - done_s) * 1e3

    def poses(self, *, is_smooth: bool = True) -> list[Pose]:
        """People in the last finished frame, in order of their ids."""
        return self.tracker.poses(is_smooth=is_smooth)

    def _scan_all(self, frame: Frame) -> None:
        """Look everywhere at once, and look again at what was found; once per run."""
        size_hw, padding = self.engine.spec.input_hw, self.engine.spec.box_padding
        nobody = np.empty((0, self.engine.spec.keypoint_count, 3))
        for first in range(0, len(self._windows), _FULL_SCAN_BATCH):
            windows = self._windows[first : first + _FULL_SCAN_BATCH]
            places = [place_crop(w, size_hw=size_hw, padding=1.0) for w in windows]
            self._submit(frame, places)
            # Not ``update``: candidates of this frame get their second look below.
            self.tracker._propose(self._fetch(places))  # noqa: SLF001
        for _ in range(2):
            boxes = self.tracker.predict(frame.time_s)
            if boxes:
                places = [place_crop(b, size_hw=size_hw, padding=padding) for b in boxes]
                self._submit(frame, places)
                self.tracker.update(self._fetch(places), nobody)

    def _due_windows(self, dt_s: float) -> Sequence[BBox]:
        """Scan windows for this frame, bounded so that the frame rate never halves.

        While somebody is followed they cost at most two thirds of a crop for each
        crop that is followed; while nobody is, at least one crop.
        """
        if not self.tracker.is_missing_someone:
            self._credit = 0.0
            return ()
        followed = len(self.tracker.tracks)
        most = followed * 2 / 3 if followed else 1.0
        self._credit += min(len(self._windows) * dt_s / SWEEP_S, most)
        count = min(int(self._credit), len(self._windows), _FULL_SCAN_BATCH)
        if not followed:
            count = max(1, count)
        self._credit = max(0.0, self._credit - count)
        order = [(self._next_window + i) % len(self._windows) for i in range(count)]
        self._next_window = (self._next_window + count) % len(self._windows)
        return [self._windows[i] for i in order]

    def _submit(self, frame: Frame, places: list[CropTransform]) -> None:
        for place, crop in zip(places, self._batch, strict=False):
            cut(frame.image_bgr, place, crop)
        if places:
            self.engine.start(self._batch[: len(places)])

    def _fetch(self, places: list[CropTransform]) -> FloatArray:
        """(N, K, 3) keypoints in frame pixels."""
        if not places:
            return np.empty((0, self.engine.spec.keypoint_count, 3))
        found: FloatArray = self.engine.finish().astype(np.float64)
        for place, keypoints in zip(places, found, strict=True):
            keypoints[:, :2] = place.to_frame(keypoints[:, :2])
        return found
