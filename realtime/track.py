"""Follow people from frame to frame: who is who, who is new, who is gone.

A track's predicted pose decides its crop; what the network finds there is given
back to the tracks by OKS on predicted poses, so a crop that catches the neighbour
does not steal an id.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from engines.skeleton import Skeleton
from realtime.datatypes import BBox, FloatArray, Pose, State
from realtime.oks import oks_matrix
from realtime.roi import box_around
from realtime.smooth import Smoother

LOST_AFTER_S = 1.0
"""A person who is not seen for this long is dropped; the next one gets a new id."""

_BOX_SETTLES_S = 0.08  # time constant of the crop's edges
_BOX_SCORE = 0.2  # keypoints below it do not shape the crop
_KEEP = 0.36  # quality below which a frame counts as "not seen"
_ACCEPT = 0.42  # quality that a new person needs, twice in a row
_SAME_PERSON = 0.5  # OKS above which two poses are one person
_SAME_TRACK = 0.15  # OKS above which a pose may continue a predicted track
_ASSOCIATION_AREA = 4.0  # predictions are less sharp than measurements: tolerance doubled


@dataclass(slots=True)
class Track:
    """One person being followed.

    Attributes:
        slot: Row in the smoother.
        track_id: 0 while the person is not confirmed yet.
        box: Settled box around the pose, frame pixels.
        seen_s: Capture time of the last good measurement.
        hits: Good frames in a row since it was proposed.
        score: (K,) scores of the last measurement.
        raw_xy: (K, 2) of the last frame, NaN where nothing was accepted.
    """

    slot: int
    box: BBox
    seen_s: float
    score: FloatArray
    raw_xy: FloatArray
    track_id: int = 0
    hits: int = 0

    @property
    def size_px(self) -> float:
        """Longer side of the box, frame pixels."""
        return max(self.box.width, self.box.height, 8.0)


def quality(score: FloatArray) -> FloatArray:
    """How much a pose looks like a person: mean score of its better half.

    Half, because a person at a desk shows no legs.

    Args:
        score: (..., K) keypoint scores.
    """
    half = max(1, score.shape[-1] // 2)
    best: FloatArray = np.sort(score, axis=-1)[..., -half:].mean(axis=-1)
    return best


@dataclass(slots=True)
class Tracker:
    """Keeps up to ``persons`` confirmed people and a few candidates.

    Attributes:
        persons: How many people to follow.
        skeleton: Of the poses.
        smoother: Has ``slots_for(persons)`` slots.
    """

    persons: int
    skeleton: Skeleton
    smoother: Smoother
    tracks: list[Track] = field(default_factory=list)
    _next_id: int = 1
    _time_s: float = 0.0
    _previous_s: float = 0.0
    _sigmas: FloatArray = field(init=False)

    def __post_init__(self) -> None:
        self._sigmas = np.array(self.skeleton.sigmas)

    @property
    def confirmed(self) -> list[Track]:
        """People with an id, in order of their ids."""
        return sorted((t for t in self.tracks if t.track_id), key=lambda t: t.track_id)

    @property
    def is_missing_someone(self) -> bool:
        """True while fewer people are in sight than are to be followed."""
        visible = sum(1 for t in self.tracks if t.track_id and t.seen_s >= self._previous_s)
        return visible < self.persons

    def predict(self, time_s: float) -> list[BBox]:
        """Move all tracks to a frame's capture time.

        Returns:
            Where to crop, one box per entry of ``tracks``.
        """
        dt_s = max(0.0, time_s - self._time_s)
        self._previous_s, self._time_s = self._time_s, time_s
        self.smoother.predict(time_s)
        for track in [t for t in self.tracks if time_s - t.seen_s > LOST_AFTER_S]:
            self._drop(track)
        gain = 1.0 - math.exp(-dt_s / _BOX_SETTLES_S)
        for track in self.tracks:
            target = box_around(
                self.smoother.xy[track.slot],
                (self.smoother.state[track.slot] != State.LOST) & (track.score >= _BOX_SCORE),
            )
            if target is not None:
                track.box = _settle(track.box, target, gain)
        return [track.box for track in self.tracks]

    def update(self, keypoints: FloatArray, proposals: FloatArray) -> None:
        """Take in what the network found.

        Args:
            keypoints: (len(tracks), K, 3) frame x, y and score from each track's crop.
            proposals: (M, K, 3) likewise from scan windows.
        """
        if len(self.tracks) == 1 and not len(proposals):
            found = [keypoints[0] if quality(keypoints[0, :, 2]) >= _KEEP else None]
        else:
            found = self._associate(keypoints, proposals)
        self._measure(found)
        self._drop_doubles()
        self._confirm()
        self._propose(proposals)

    def poses(self, *, is_smooth: bool) -> list[Pose]:
        """Confirmed people as of the last update.

        Args:
            is_smooth: False gives the network's own positions.
        """
        return [self._pose(track, is_smooth=is_smooth) for track in self.confirmed]

    def _pose(self, track: Track, *, is_smooth: bool) -> Pose:
        state = self.smoother.state[track.slot].copy()
        xy = self.smoother.xy[track.slot].copy()
        xy[state == State.LOST] = np.nan
        if not is_smooth:
            is_raw = track.score >= _BOX_SCORE
            xy = np.where(is_raw[:, None], track.raw_xy, np.nan)
            state = np.where(np.isfinite(xy[:, 0]), np.int8(State.MEASURED), np.int8(State.LOST))
        return Pose(xy, track.score, track.raw_xy, state, self.skeleton, track.track_id)

    def _associate(self, keypoints: FloatArray, proposals: FloatArray) -> list[FloatArray | None]:
        """Give every track the pose that continues it, or None."""
        candidates = np.concatenate((keypoints, proposals))
        found: list[FloatArray | None] = [None] * len(self.tracks)
        if not self.tracks:
            return found
        good = quality(candidates[..., 2]) >= _KEEP
        slots = [t.slot for t in self.tracks]
        predicted = self.smoother.xy[slots].copy()
        predicted[self.smoother.state[slots] == State.LOST] = np.nan
        areas = _ASSOCIATION_AREA * np.array([_area(t.box) for t in self.tracks])
        alike = oks_matrix(
            predicted, candidates[..., :2], candidates[..., 2], areas, self._sigmas
        )
        # A track that was just proposed has no motion yet: its own crop is its best evidence.
        own = np.arange(len(self.tracks))
        alike[own, own] += [0.3 if not t.track_id else 0.05 for t in self.tracks]
        alike[:, ~good] = 0.0
        while alike.size and (best := float(alike.max())) > _SAME_TRACK:
            row, column = np.unravel_index(int(alike.argmax()), alike.shape)
            found[int(row)] = candidates[column]
            alike[row] = 0.0
            taken = candidates[column][None, :, :2]
            same = oks_matrix(
                taken, candidates[..., :2], candidates[..., 2], areas[[row]] / 4, self._sigmas
            )[0]
            alike[:, same > _SAME_PERSON] = 0.0
            alike[:, column] = 0.0
        return found

    def _measure(self, found: list[FloatArray | None]) -> None:
        measured = [(t, f) for t, f in zip(self.tracks, found, strict=True) if f is not None]
        for track, pose in zip(self.tracks, found, strict=True):
            if pose is None:
                track.score = np.zeros(len(self.skeleton))
                track.raw_xy = np.full((len(self.skeleton), 2), np.nan)
                track.hits = 0
            else:
                track.score = pose[:, 2].copy()
                track.raw_xy = pose[:, :2].copy()
                track.seen_s = self._time_s
                track.hits += 1
        if measured:
            self.smoother.update(
                np.array([t.slot for t, _ in measured]),
                np.stack([f[:, :2] for _, f in measured]),
                np.stack([f[:, 2] for _, f in measured]),
                np.array([t.size_px for t, _ in measured]),
            )

    def _drop_doubles(self) -> None:
        """When two tracks lie on one person, the younger goes."""
        if len(self.tracks) < 2:
            return
        order = sorted(self.tracks, key=lambda t: (t.track_id == 0, t.track_id, -t.hits))
        poses = self.smoother.xy[[t.slot for t in order]]
        weights = np.ones(poses.shape[:2])
        areas = np.array([_area(t.box) for t in order])
        alike = oks_matrix(poses, poses, weights, areas, self._sigmas)
        for i, elder in enumerate(order):
            for j in range(i + 1, len(order)):
                younger = order[j]
                if alike[i, j] > _SAME_PERSON and elder in self.tracks and younger in self.tracks:
                    self._drop(younger)

    def _confirm(self) -> None:
        for track in self.tracks:
            if not track.track_id and track.hits == 0:
                track.hits = -1  # a candidate gets no second chance
        for track in [t for t in self.tracks if t.hits < 0]:
            self._drop(track)
        room = self.persons - sum(1 for t in self.tracks if t.track_id)
        ready = [
            t
            for t in self.tracks
            if not t.track_id and t.hits >= 2 and quality(t.score) >= _ACCEPT
        ]
        for track in sorted(ready, key=self._prominence, reverse=True)[: max(0, room)]:
            track.track_id = self._next_id
            self._next_id += 1
        if not self.is_missing_someone:
            for track in [t for t in self.tracks if not t.track_id]:
                self._drop(track)

    def _propose(self, proposals: FloatArray) -> None:
        """Start candidates from poses that nobody owns."""
        order = np.argsort(-quality(proposals[..., 2])) if len(proposals) else []
        for pose in proposals[order]:
            if quality(pose[:, 2]) < _KEEP or len(self.tracks) >= slots_for(self.persons):
                return
            box = box_around(pose[:, :2], pose[:, 2] >= _BOX_SCORE)
            if box is None or self._is_known(pose, box):
                continue
            used = {t.slot for t in self.tracks}
            slot = next(s for s in range(slots_for(self.persons)) if s not in used)
            self.smoother.clear(slot)
            track = Track(slot, box, self._time_s, pose[:, 2].copy(), pose[:, :2].copy())
            self.tracks.append(track)
            self.smoother.update(
                np.array([slot]), pose[None, :, :2], pose[None, :, 2], np.array([track.size_px])
            )

    def _is_known(self, pose: FloatArray, box: BBox) -> bool:
        if not self.tracks:
            return False
        known = self.smoother.xy[[t.slot for t in self.tracks]]
        areas = 2.0 * np.array([max(_area(t.box), _area(box)) for t in self.tracks])
        alike = oks_matrix(known, pose[None, :, :2], pose[None, :, 2], areas, self._sigmas)
        return bool(alike.max() > 0.3)

    def _prominence(self, track: Track) -> float:
        """Large and well seen people first; the pipeline puts central windows first."""
        return float(quality(track.score)) * math.sqrt(_area(track.box))

    def _drop(self, track: Track) -> None:
        self.smoother.clear(track.slot)
        self.tracks.remove(track)


def slots_for(persons: int) -> int:
    """Smoother slots for a number of people and the candidates beside them."""
    return persons + 3


def _area(box: BBox) -> float:
    return max(box.width, 4.0) * max(box.height, 4.0)


def _settle(box: BBox, target: BBox, gain: float) -> BBox:
    return BBox(
        box.x1 + gain * (target.x1 - box.x1),
        box.y1 + gain * (target.y1 - box.y1),
        box.x2 + gain * (target.x2 - box.x2),
        box.y2 + gain * (target.y2 - box.y2),
    )



