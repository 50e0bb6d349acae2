"""Track people across frames: continue known ones, measure them, smooth them.

A track's prediction decides its crop; the poses found there are matched with the
tracks by OKS, so a crop that catches a neighbour does not swap ids.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from steadypose.engines.skeletons.skeleton import Skeleton
from steadypose.realtime.datatypes import SEEN_SCORE, BBox, FloatArray, Pose, State
from steadypose.realtime.smooth.base import Smoother
from steadypose.realtime.tracking.association import associate, likeliest
from steadypose.realtime.tracking.boxes import settle, widen, within
from steadypose.realtime.tracking.framing import BOX_SCORE, Framing
from steadypose.realtime.tracking.roster import CANDIDATES, MISSING_AFTER_S, SEEN_QUALITY, Roster
from steadypose.realtime.tracking.track import Track, quality

ACCEPT_PEAKS = 0.50
"""Quality that a new person needs, twice in a row, if scores are heatmap peaks."""

ACCEPT_CALIBRATED = 0.65
"""The same if scores are probabilities. In single images outside the training data, seven people in
eight exceed it; the maximum in empty scenes is in benchmarks/results/presence.md."""

_SEARCH_GROWTH = 1.03  # growth of a crop without a person, per frame, for 15 frames
_LOST_AFTER_MISSES = 2  # frames without a hit after which a track is lost
_LOST = np.int8(State.LOST)  # NumPy is slow to find out what a member of an enumeration is


class Tracker:
    """Keeps up to ``persons`` confirmed people and a few candidates.

    Args:
        persons: How many people to track.
        skeleton: Of the poses.
        smoother: Has ``persons + CANDIDATES`` slots.
        accept: Quality that a new person needs, twice in a row.
    """

    def __init__(
        self,
        persons: int,
        skeleton: Skeleton,
        smoother: Smoother,
        *,
        accept: float = ACCEPT_PEAKS,
    ) -> None:
        self.skeleton = skeleton
        self.smoother = smoother
        self._accept = accept
        slots, k = persons + CANDIDATES, len(skeleton)
        self._sigmas = np.array(skeleton.sigmas)
        self._xy = np.zeros((slots, k, 2))
        self._score = np.zeros((slots, k))
        self._size = np.ones(slots)
        self._framing = Framing(skeleton)
        self.roster = Roster(persons, smoother, self._framing, sigmas=self._sigmas, accept=accept)
        self.tracks = self.roster.tracks
        self._box_s = 0.0
        self._time_s = 0.0

    @property
    def confirmed(self) -> list[Track]:
        """People with an id, in order of their ids."""
        return self.roster.confirmed

    def boxes(self, time_s: float, frame_hw: tuple[int, int]) -> list[BBox]:
        """Predict where each track will be; one smoothed box per entry of ``tracks``.

        Args:
            time_s: Capture time of the coming frame, seconds.
            frame_hw: Its height and width, pixels.
        """
        dt_s, self._box_s = time_s - self._box_s, time_s
        self.roster.frame_hw = frame_hw
        xy = self.smoother.forecast(time_s)
        for track in self.tracks:
            is_used = self.smoother.state[track.slot] != _LOST
            is_used &= track.evidence >= BOX_SCORE
            target = self._framing.box(xy[track.slot], is_used, frame_hw)
            if track.misses and track.track_id:
                dx, dy = track.drift(time_s) - track.drift(time_s - dt_s)
                track.box = widen(
                    track.box, dx, dy, by=_SEARCH_GROWTH if track.misses < 15 else 1.0
                )
            elif target is not None:
                track.box = settle(track.box, target, dt_s) if track.track_id else target
            track.box = within(track.box, frame_hw)
        return [track.box for track in self.tracks]

    def update(
        self,
        time_s: float,
        looked: Sequence[Track],
        keypoints: FloatArray,
        proposals: FloatArray,
        others: FloatArray | None = None,
    ) -> None:
        """Update the tracks with what the network found in one frame.

        Args:
            time_s: Capture time of that frame.
            looked: Tracks whose crops were cut, as of then.
            keypoints: (len(looked), K, 3) frame x, y and score from those crops.
            proposals: (M, K, 3) likewise from scan windows.
            others: (L, K, 3) further people in those windows, roughly placed: they show
                where to look but are no measurements.
        """
        if others is None:
            others = proposals[:0]
        self._time_s = time_s
        self.smoother.predict(time_s)
        self._measure(time_s, self._match(looked, keypoints, proposals), looked)
        self._seek(others)
        self.roster.update(time_s, _joined(proposals, others))

    def poses(self, *, is_smooth: bool) -> list[Pose]:
        """Confirmed people as of the last update.

        Args:
            is_smooth: False for the network's own positions.
        """
        return [self._pose(track, is_smooth=is_smooth) for track in self.confirmed]

    def covariances(self) -> list[FloatArray]:
        """(K, 2, 2) of each confirmed person's filtered positions, pixels²; NaN while lost."""
        return self.covariances_later()()

    def covariances_later(self) -> Callable[[], list[FloatArray]]:
        """The ``covariances`` of this moment, worked out only when they are called."""
        slots = [track.slot for track in self.confirmed]
        state, uncertainty = self.smoother.state.copy(), self.smoother.uncertainty_later()

        def work_out() -> list[FloatArray]:
            found, is_lost = uncertainty(), state == _LOST
            return [np.where(is_lost[slot, :, None, None], np.nan, found[slot]) for slot in slots]

        return work_out

    def poses_ahead(self, time_s: float) -> list[Pose]:
        """Confirmed people, predicted for a time shortly after the last update.

        Args:
            time_s: When they will be displayed, on the clock of capture times.
        """
        xy = self.smoother.ahead(time_s)
        return [
            replace(pose, xy=np.where(np.isnan(pose.xy), np.nan, xy[track.slot]))
            for track, pose in zip(self.confirmed, self.poses(is_smooth=True), strict=True)
        ]

    def _pose(self, track: Track, *, is_smooth: bool) -> Pose:
        if is_smooth:
            xy, state = self._filtered(track), self.smoother.state[track.slot].copy()
        else:
            is_raw = track.score >= SEEN_SCORE
            xy = np.where(is_raw[:, None], track.raw_xy, np.nan)
            state = np.where(is_raw, np.int8(State.MEASURED), _LOST)
        return Pose(xy, track.score, track.raw_xy, state, self.skeleton, track.track_id)

    def _match(
        self, looked: Sequence[Track], keypoints: FloatArray, proposals: FloatArray
    ) -> dict[Track, tuple[FloatArray, FloatArray]]:
        """Match each track with the pose that continues it, and its evidence."""
        if not self.tracks:
            return {}
        candidates = _joined(keypoints, proposals)
        evidence = [self._framing.evidence(pose, self.roster.frame_hw) for pose in candidates]
        found = [float(quality(scores)) for scores in evidence]
        if len(looked) == len(candidates) == len(self.tracks) == 1:
            matched: list[int | None] = [0 if looked[0] is self.tracks[0] else None]
        else:
            rows = {track: row for row, track in enumerate(looked)}
            matched = associate(
                np.stack([self._expected(track) for track in self.tracks]),
                np.array([t.area for t in self.tracks]),
                candidates,
                is_good=np.array(found) >= SEEN_QUALITY,
                own=[rows.get(t) for t in self.tracks],
                # A candidate has no motion estimate yet: its own crop is its best evidence.
                own_bonus=np.array([0.05 if t.track_id else 0.3 for t in self.tracks]),
                sigmas=self._sigmas,
            )
        accepted = {}
        for track, row in zip(self.tracks, matched, strict=True):
            if row is None:
                track.good_in_a_row = 0
            elif self._is_accepted(track, found[row]):
                accepted[track] = (candidates[row], evidence[row])
            elif track.good_in_a_row and row >= len(keypoints):
                self._look_there(track, candidates[row], evidence[row])
        return accepted

    def _seek(self, others: FloatArray) -> None:
        """Move the crop of a lost track to a roughly placed pose that may be the person."""
        for track in self.tracks:
            if track.misses <= _LOST_AFTER_MISSES:
                continue
            row = likeliest(self._expected(track), track.area, others, sigmas=self._sigmas)
            if row is not None:
                evidence = self._framing.evidence(others[row], self.roster.frame_hw)
                if quality(evidence) >= self._accept:
                    self._look_there(track, others[row], evidence)

    def _look_there(self, track: Track, pose: FloatArray, evidence: FloatArray) -> None:
        """Centre the next crop on a pose that may be the lost person, to verify it.

        It stays as large as the search had made it: the person may be that far from the
        expected position.
        """
        box = self._framing.box(pose[:, :2], evidence >= BOX_SCORE, self.roster.frame_hw)
        if box is not None:
            (x, y), (old_x, old_y) = box.center_xy, track.box.center_xy
            track.box = widen(track.box, x - old_x, y - old_y, by=1.0)

    def _is_accepted(self, track: Track, found: float) -> bool:
        """A track that was lost needs the same evidence as a new one: two good frames in a row."""
        if track.misses <= _LOST_AFTER_MISSES:
            return found >= SEEN_QUALITY
        track.good_in_a_row = track.good_in_a_row + 1 if found >= self._accept else 0
        return track.good_in_a_row >= 2

    def _filtered(self, track: Track) -> FloatArray:
        """(K, 2) filtered pose, NaN where lost."""
        is_lost = self.smoother.state[track.slot] == _LOST
        return np.where(is_lost[:, None], np.nan, self.smoother.xy[track.slot])

    def _expected(self, track: Track) -> FloatArray:
        """(K, 2) expected pose of a track in this frame; hidden people keep moving."""
        xy = self._filtered(track)
        if track.last_seen_xy is not None and (track.misses or np.isnan(xy[:, 0]).all()):
            return track.last_seen_xy + track.drift(self._time_s)
        return xy

    def _measure(
        self,
        time_s: float,
        found: dict[Track, tuple[FloatArray, FloatArray]],
        looked: Sequence[Track],
    ) -> None:
        self._score[...] = 0.0
        for track in self.tracks:
            if track in found:
                pose, evidence = found[track]
                track.raw_xy, track.score, track.evidence = pose[:, :2], pose[:, 2], evidence
                if track.misses and time_s - track.seen_s > MISSING_AFTER_S:
                    self.smoother.clear(track.slot)  # its prediction is no longer useful
                track.misses = track.good_in_a_row = 0
                track.hits += 1
                self._xy[track.slot] = track.raw_xy
                self._score[track.slot] = evidence
            else:
                track.raw_xy = np.full((len(self.skeleton), 2), np.nan)
                track.score = np.zeros(len(self.skeleton))
                track.misses += track in looked
            self._size[track.slot] = track.size_px
        self.smoother.update(self._xy, self._score, self._size)
        for track in found:
            track.remember(self._filtered(track), time_s)


def _joined(first: FloatArray, second: FloatArray) -> FloatArray:
    """The poses of both; mostly one of them has none."""
    if not len(second):
        return first
    return np.concatenate((first, second)) if len(first) else second
