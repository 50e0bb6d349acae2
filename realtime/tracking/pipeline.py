"""Find the poses in a frame: assembles crop, engine and tracker."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from steadypose.engines.base import Engine
from steadypose.realtime.datatypes import BBox, FloatArray, Frame, Pose
from steadypose.realtime.smooth.base import Smoother
from steadypose.realtime.smooth.presets import make_smoother
from steadypose.realtime.tracking.crop import CropTransform
from steadypose.realtime.tracking.cutting import Batch, Cutting
from steadypose.realtime.tracking.region import Region
from steadypose.realtime.tracking.roster import CANDIDATES, SEEN_QUALITY
from steadypose.realtime.tracking.search_windows import scan_windows
from steadypose.realtime.tracking.track import Track, quality
from steadypose.realtime.tracking.tracker import (
    ACCEPT_CALIBRATED,
    ACCEPT_PEAKS,
    Tracker,
)

SWEEP_S = 0.7
"""Capture time in which the search visits every window once."""

_SCAN_BATCH = 8  # windows of one frame at most
_BEYOND_PX = 1e5  # no network places anybody so far outside its crop, nor scores so high


@dataclass(slots=True, eq=False)
class Crops:
    """The crops of one frame while they pass through the engine.

    Attributes:
        frame: The frame they were cut from.
        tracks: Tracks whose crops come first.
        transforms: Of each crop; search windows follow the tracks.
        crops: (len(transforms), H, W, 3) uint8, a view of a buffer of the pipeline; or the frame,
            where the engine cuts them itself.
        others: (M, K, 3) further people in the scan windows, frame pixels.
        crop_ms: Time for predicting and cutting.
        engine_ms: Time as reported by the engine.
        track_ms: Time for tracking.
    """

    frame: Frame
    tracks: list[Track]
    transforms: list[CropTransform]
    crops: Batch
    others: FloatArray
    crop_ms: float = 0.0
    engine_ms: float = 0.0
    track_ms: float = 0.0


class Pipeline:
    """Finds and tracks people with one engine.

    A frame passes ``prepare``, ``start``, ``finish``, ``complete``. The steps are
    separate so that the caller can work while the engine does: a file's next frame
    is prepared before the one in the engine is finished, and completed after the
    next one has started; a live frame passes all steps in a row.

    Args:
        engine: Used on this thread only.
        persons: How many people to track.
        smoother: For ``persons + CANDIDATES`` slots; None makes the default filter.
        is_paced: Frames arrive at a fixed rate, so time the engine leaves idle can be
            used for the search.
        say: Called once with a sentence if the network outputs numbers that are none.
        region: Only there people are looked for; None: everywhere.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        persons: int = 1,
        smoother: Smoother | None = None,
        is_paced: bool = False,
        say: Callable[[str], None] | None = None,
        region: Region | None = None,
    ) -> None:
        spec = engine.spec
        slots = persons + CANDIDATES
        self.engine = engine
        self.cutting = Cutting(engine, slots + _SCAN_BATCH)
        self.persons = persons
        self.tracker = Tracker(
            persons,
            spec.skeleton,
            smoother or make_smoother("balanced", slots, len(spec.skeleton)),
            accept=ACCEPT_CALIBRATED if spec.is_calibrated else ACCEPT_PEAKS,
        )
        self._windows: list[BBox] = []
        self._is_paced = is_paced
        self._say = say
        self._region = region
        self._no_people = np.empty((0, spec.keypoint_count, 3))
        self._crop_ms = 0.0  # engine time for one crop, slowly filtered
        self._frame_hw = (0, 0)
        self._next_window = 0
        self._credit = 0.0
        self._time_s = -np.inf
        self.completed = 0
        """How many frames were completed."""

    def prepare(self, frame: Frame) -> Crops:
        """Predict where people are in a frame, and cut their crops.

        The very first frame is searched completely, before this returns.
        """
        begin_s = time.perf_counter()
        is_first = not self._windows
        if frame.size_hw != self._frame_hw:
            if self._region is not None and is_first:
                self._region.check(frame.size_hw)
            find = self._region.windows if self._region is not None else scan_windows
            self._frame_hw = frame.size_hw
            self._windows = find(frame.size_hw, self.engine.spec.input_hw)
            self._next_window = 0
            # People as high as the frame, beside each other.
            self.cutting.expect(self._windows[1 : 1 + self.persons] or self._windows[:1])
        whole = frame
        if self._region is not None:
            frame = replace(frame, image_bgr=self._region.only(frame.image_bgr))
        if is_first:
            self._search(frame)
        dt_s = min(max(0.0, frame.time_s - self._time_s), SWEEP_S)
        self._time_s = frame.time_s
        self.tracker.boxes(frame.time_s, frame.size_hw)
        tracks, windows = self._choose(dt_s)
        transforms = [self.cutting.place(track.box) for track in tracks]
        transforms += [self.cutting.place(window, padding=1.0) for window in windows]
        batch = self.cutting.make(frame.image_bgr, transforms, is_early=True)
        crops = Crops(whole, tracks, transforms, batch, self._no_people)
        crops.crop_ms = (time.perf_counter() - begin_s) * 1e3
        return crops

    def start(self, crops: Crops) -> None:
        """Hand crops to the engine."""
        if crops.transforms:
            self.cutting.start(crops.crops)

    def finish(self, crops: Crops) -> FloatArray:
        """Wait for the engine.

        Returns:
            (N, K, 3) keypoints in crop pixels, one per crop; a copy.
        """
        return self._found(crops, self.engine.finish) if crops.transforms else self._no_people

    def find(self, crops: Crops) -> FloatArray:
        """``start`` and ``finish`` in one, where there is nothing to do meanwhile."""
        if not crops.transforms:
            return self._no_people
        return self._found(crops, lambda: self.cutting.infer(crops.crops))

    def _found(self, crops: Crops, answer: Callable[[], NDArray[np.float32]]) -> FloatArray:
        found = answer().astype(np.float64)
        self._refuse_broken(found)
        if len(crops.transforms) > len(crops.tracks):
            crops.others = self._others(crops)
        crops.engine_ms = self.engine.took_ms
        each = crops.engine_ms / len(crops.transforms)
        self._crop_ms = each if not self._crop_ms else 0.9 * self._crop_ms + 0.1 * each
        return found

    def complete(self, crops: Crops, found: FloatArray) -> None:
        """Update the tracks with what ``finish`` returned."""
        _to_frame(crops.transforms, found)
        count = len(crops.tracks)
        tracks, time_s = crops.tracks, crops.frame.time_s
        self.completed += 1
        self.tracker.update(time_s, tracks, found[:count], found[count:], crops.others)

    def process(self, frame: Frame, *, is_smooth: bool = True) -> list[Pose]:
        """All steps in a row: people in a frame, in order of their ids."""
        crops = self.prepare(frame)
        self.complete(crops, self.find(crops))
        return self.poses(is_smooth=is_smooth)

    def poses(self, *, is_smooth: bool = True) -> list[Pose]:
        """People in the last completed frame, in order of their ids."""
        return self.tracker.poses(is_smooth=is_smooth)

    def covariances(self) -> list[FloatArray]:
        """(K, 2, 2) of each of those people's filtered positions, pixels²; NaN while lost."""
        return self.tracker.covariances()

    def covariances_later(self) -> Callable[[], list[FloatArray]]:
        """The same, worked out only when it is called, at any time."""
        return self.tracker.covariances_later()

    def poses_ahead(self, time_s: float) -> list[Pose]:
        """The same people as they will be at ``time_s``, a little after that frame."""
        return self.tracker.poses_ahead(time_s)

    def _search(self, frame: Frame) -> None:
        """Search all windows until enough people are found, then look at each twice more closely.

        The whole frame and the large windows come first; the others are searched only
        if too few people were seen well.
        """
        self.tracker.boxes(frame.time_s, frame.size_hw)  # sets the frame size
        for first in range(0, len(self._windows), _SCAN_BATCH):
            windows = self._windows[first : first + _SCAN_BATCH]
            found, others = self._look(frame, [self.cutting.place(w, padding=1.0) for w in windows])
            self.tracker.update(frame.time_s, [], self._no_people, found, others)
            if self.tracker.roster.well_seen >= self.persons:
                break
        for _ in range(2):
            boxes = self.tracker.boxes(frame.time_s, frame.size_hw)
            transforms = [self.cutting.place(box) for box in boxes]
            tracks = list(self.tracker.tracks)
            closer, _ = self._look(frame, transforms)
            self.tracker.update(frame.time_s, tracks, closer, self._no_people)
        # Three looks at one frame are one measurement: the first pose is not filtered.
        for track in self.tracker.tracks:
            self.tracker.smoother.clear(track.slot)

    def _look(self, frame: Frame, transforms: list[CropTransform]) -> tuple[FloatArray, FloatArray]:
        """The central person of each crop, and the others that were seen there."""
        batch = self.cutting.make(frame.image_bgr, transforms)
        crops = Crops(frame, [], transforms, batch, self._no_people)
        found = self.find(crops)
        _to_frame(transforms, found)
        return found, crops.others

    def _others(self, crops: Crops) -> FloatArray:
        """(M, K, 3) further people in the search windows, frame pixels."""
        count = len(crops.tracks)
        windows = self.engine.others[count:].astype(np.float64)
        self._refuse_broken(windows)
        rows, columns = np.nonzero(quality(windows[..., 2]) >= SEEN_QUALITY)
        people = windows[rows, columns]
        _to_frame([crops.transforms[count + row] for row in rows], people)
        return people

    def _refuse_broken(self, found: FloatArray) -> None:
        """Where a person's numbers are no places, nobody is seen; in place.

        Args:
            found: (..., K, 3) keypoints in crop pixels, as the network gave them.
        """
        far = np.abs(found)
        if np.maximum.reduce(far, axis=None, initial=0.0) < _BEYOND_PX:  # false for NaN
            return
        found[~(far.max(axis=(-2, -1)) < _BEYOND_PX)] = 0.0
        if self._say is not None:
            say, self._say = self._say, None
            say(
                f"the network {self.engine.spec.name} gave numbers that are no places in the "
                "picture (NaN, infinite or enormous); nobody is seen where it does"
            )

    def _choose(self, dt_s: float) -> tuple[list[Track], list[BBox]]:
        """Choose the tracks and search windows to run on this frame.

        The search (closer looks at candidates, then windows) costs at most two
        thirds of a crop for each tracked person, so that it never halves the frame
        rate; while no person is tracked, one crop, as tracking one would.
        """
        tracked = [t for t in self.tracker.tracks if t.track_id]
        candidates = [t for t in self.tracker.tracks if not t.track_id]
        if not self.tracker.roster.is_missing_someone:
            self._credit = 0.0
            return tracked, []
        due = len(self._windows) * dt_s / SWEEP_S + len(candidates)
        allowed = len(tracked) * 2 / 3
        if self._is_paced and self._crop_ms:
            # A slow camera leaves the engine idle: half of that time may go to the search.
            allowed = max(allowed, 0.5 * dt_s * 1e3 / self._crop_ms - len(tracked))
        self._credit += min(due, allowed) if tracked else max(1.0, min(due, allowed))
        count = min(int(self._credit), _SCAN_BATCH)
        self._credit -= count
        # The least examined come first, so that every candidate gets its turn.
        chosen = sorted(candidates, key=lambda t: t.hits + t.misses)[:count]
        windows = []
        for _ in range(min(count - len(chosen), len(self._windows))):
            windows.append(self._windows[self._next_window])
            self._next_window = (self._next_window + 1) % len(self._windows)
        return tracked + chosen, windows


def _to_frame(transforms: list[CropTransform], found: FloatArray) -> None:
    """Move (N, K, 3) keypoints from crop to frame pixels, in place."""
    for transform, keypoints in zip(transforms, found, strict=True):
        transform.move_to_frame(keypoints)
