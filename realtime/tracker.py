"""Follow people from frame to frame: who is new, who stays, who is gone.

A track's forecast decides its crop; what the network finds there is given back to
the tracks by OKS, so a crop that catches the neighbour does not steal an id.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from engines.skeleton import Skeleton
from realtime.associate import SAME_PERSON, associate, likeliest
from realtime.datatypes import BBox, FloatArray, Pose, State
from realtime.framing import Framing
from realtime.oks import oks_matrix
from realtime.roi import settle, widen, within
from realtime.smooth import Smoother
from realtime.track import Track, area_of, prominence, quality

LOST_AFTER_S = 1.0
"""A person who is not seen for this long is dropped; the next one gets a new id."""

CANDIDATES = 3
"""People who may be looked at closer beside those who are followed."""

ACCEPT_PEAKS = 0.50
"""Quality that a new person needs, twice in a row, where scores are heatmaps' peaks."""

ACCEPT_CALIBRATED = 0.65
"""The same where scores are probabilities. Of people nobody trained on seven in eight have more in
a single picture; what empty scenes have at most is in benchmarks/results/presence.md."""

KEEP = 0.42
"""Quality below which a pose counts as "not seen"."""

_MISSING_AFTER_S = 0.25  # a blink is no reason to search the frame
_REPLACEABLE_AFTER_S = 0.5  # unseen for this long, a newcomer may take the place
SEEN_SCORE = 0.2  # keypoints below it are no evidence
BOX_SCORE = 0.3  # keypoints below it do not shape the crop
_SEARCH_GROWTH = 1.03  # a crop that finds nobody grows by this in each frame, for 15 frames
_MISSES = 2  # frames without a hit after which a candidate is given up


class Tracker:
    """Keeps up to ``persons`` confirmed people and a few candidates.

    Args:
        persons: How many people to follow.
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
        self._accept = accept
        self.persons = persons
        self.skeleton = skeleton
        self.smoother = smoother
        self.tracks: list[Track] = []
        slots, k = persons + CANDIDATES, len(skeleton)
        self._sigmas = np.array(skeleton.sigmas)
        self._xy = np.zeros((slots, k, 2))
        self._score = np.zeros((slots, k))
        self._size = np.ones(slots)
        self._framing = Framing(skeleton)
        self._frame_hw = (0, 0)
        self._next_id = 1
        self._box_s = 0.0
        self._time_s = 0.0

    @property
    def confirmed(self) -> list[Track]:
        """People with an id, in order of their ids."""
        return sorted((t for t in self.tracks if t.track_id), key=lambda t: t.track_id)

    @property
    def is_missing_someone(self) -> bool:
        """True while fewer people are in sight than are to be followed."""
        late_s = self._time_s - _MISSING_AFTER_S
        return sum(1 for t in self.tracks if t.track_id and t.seen_s >= late_s) < self.persons

    @property
    def well_seen(self) -> int:
        """How many people or candidates look like somebody new must."""
        return sum(1 for track in self.tracks if quality(track.shape) >= self._accept)

    def boxes(self, time_s: float, frame_hw: tuple[int, int]) -> list[BBox]:
        """Forecast where everybody will be; one box per entry of ``tracks``, settled.

        Args:
            time_s: Capture time of the coming frame, seconds.
            frame_hw: Its height and width, pixels.
        """
        dt_s, self._box_s = time_s - self._box_s, time_s
        self._frame_hw = frame_hw
        xy = self.smoother.forecast(time_s)
        for track in self.tracks:
            is_used = (self.smoother.state[track.slot] != State.LOST) & (track.shape >= BOX_SCORE)
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
        """Take in what the network found in one frame.

        Args:
            time_s: Capture time of that frame.
            looked: Whose crops were cut, as of then.
            keypoints: (len(looked), K, 3) frame x, y and score from those crops.
            proposals: (M, K, 3) likewise from scan windows.
            others: (L, K, 3) further people in those windows, roughly placed: they show
                where to look, and measure nobody.
        """
        if others is None:
            others = proposals[:0]
        self._time_s = time_s
        self.smoother.predict(time_s)
        self._measure(time_s, self._match(looked, keypoints, proposals), looked)
        self._seek(others)
        self._drop_gone(time_s)
        if len(self.tracks) > 1:
            self._drop_doubles()
        self._confirm()
        if len(proposals) or len(others):
            self._propose(time_s, np.concatenate((proposals, others)))

    def poses(self, *, is_smooth: bool) -> list[Pose]:
        """Confirmed people as of the last update.

        Args:
            is_smooth: False gives the network's own positions.
        """
        return [self._pose(track, is_smooth=is_smooth) for track in self.confirmed]

    def poses_ahead(self, time_s: float) -> list[Pose]:
        """Confirmed people as they are likely to be a little after the last update.

        Args:
            time_s: When they will be seen, on the clock of capture times.
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
            state = np.where(is_raw, np.int8(State.MEASURED), np.int8(State.LOST))
        return Pose(xy, track.score, track.raw_xy, state, self.skeleton, track.track_id)

    def _evidence(self, pose: FloatArray) -> FloatArray:
        """(K,) scores of a pose, 0 where too low, not possible for one person, or no place."""
        is_seen = (pose[:, 2] >= SEEN_SCORE) & np.isfinite(pose[:, :2]).all(axis=1)
        return np.where(self._framing.plausible(pose[:, :2], is_seen), pose[:, 2], 0.0)

    def _match(
        self, looked: Sequence[Track], keypoints: FloatArray, proposals: FloatArray
    ) -> dict[Track, tuple[FloatArray, FloatArray]]:
        """The pose that continues each track, with its evidence."""
        if not self.tracks:
            return {}
        candidates = np.concatenate((keypoints, proposals))
        evidence = [self._evidence(pose) for pose in candidates]
        found = [float(quality(scores)) for scores in evidence]
        if len(looked) == len(candidates) == len(self.tracks) == 1:
            matched: list[int | None] = [0 if looked[0] is self.tracks[0] else None]
        else:
            rows = {track: row for row, track in enumerate(looked)}
            matched = associate(
                np.stack([self._expected(track) for track in self.tracks]),
                np.array([t.area for t in self.tracks]),
                candidates,
                is_good=np.array(found) >= KEEP,
                own=[rows.get(t) for t in self.tracks],
                # A candidate has no motion yet: its own crop is its best evidence.
                own_bonus=np.array([0.05 if t.track_id else 0.3 for t in self.tracks]),
                sigmas=self._sigmas,
            )
        accepted = {}
        for track, row in zip(self.tracks, matched, strict=True):
            if row is None:
                track.returns = 0
            elif self._is_believed(track, found[row]):
                accepted[track] = (candidates[row], evidence[row])
            elif track.returns and row >= len(keypoints):
                self._look_there(track, candidates[row], evidence[row])
        return accepted

    def _seek(self, others: FloatArray) -> None:
        """Look where somebody roughly seen may be somebody who was lost."""
        for track in self.tracks:
            if track.misses <= _MISSES:
                continue
            row = likeliest(self._expected(track), track.area, others, sigmas=self._sigmas)
            if row is not None:
                evidence = self._evidence(others[row])
                if quality(evidence) >= self._accept:
                    self._look_there(track, others[row], evidence)

    def _look_there(self, track: Track, pose: FloatArray, evidence: FloatArray) -> None:
        """Where a window shows somebody who was lost, the next crop shows whether it is so.

        It stays as large as the search had made it: so far may the person be from where
        he is expected.
        """
        box = self._framing.box(pose[:, :2], evidence >= BOX_SCORE, self._frame_hw)
        if box is not None:
            (x, y), (old_x, old_y) = box.center_xy, track.box.center_xy
            track.box = widen(track.box, x - old_x, y - old_y, by=1.0)

    def _is_believed(self, track: Track, found: float) -> bool:
        """Who was lost for a while must be seen as well as somebody new: well, and twice."""
        if track.misses <= _MISSES:
            return found >= KEEP
        track.returns = track.returns + 1 if found >= self._accept else 0
        return track.returns >= 2

    def _filtered(self, track: Track) -> FloatArray:
        """(K, 2) filtered pose, NaN where lost."""
        is_lost = self.smoother.state[track.slot] == State.LOST
        return np.where(is_lost[:, None], np.nan, self.smoother.xy[track.slot])

    def _expected(self, track: Track) -> FloatArray:
        """(K, 2) where to look for a track in this frame; hidden people walk on."""
        xy = self._filtered(track)
        if track.anchor_xy is not None and (track.misses or np.isnan(xy[:, 0]).all()):
            return track.anchor_xy + track.drift(self._time_s)
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
                track.raw_xy, track.score, track.shape = pose[:, :2], pose[:, 2], evidence
                if track.misses and time_s - track.seen_s > _MISSING_AFTER_S:
                    self.smoother.clear(track.slot)  # what it foretold meanwhile is worth less
                track.misses = track.returns = 0
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

    def _drop_gone(self, time_s: float) -> None:
        for track in list(self.tracks):
            is_late = time_s - track.seen_s > LOST_AFTER_S
            is_nothing = not track.track_id and track.misses >= _MISSES
            x, y = track.box.center_xy
            has_left = not (0 <= x <= self._frame_hw[1] and 0 <= y <= self._frame_hw[0])
            if is_late or is_nothing or (has_left and track.misses):
                self.tracks.remove(track)

    def _drop_doubles(self) -> None:
        """When two tracks lie on one person, the younger goes.

        A candidate goes at once; a person with an id has time to walk past the other.
        """
        order = sorted(self.tracks, key=lambda t: (t.track_id == 0, t.track_id, -t.hits))
        slots = [t.slot for t in order]
        weights = np.array([t.shape for t in order])
        areas = np.array([t.area for t in order])
        alike = oks_matrix(
            self.smoother.xy[slots], self.smoother.xy[slots], weights, areas, self._sigmas
        )
        gone: set[int] = set()
        for j, track in enumerate(order):
            if not any(alike[i, j] > SAME_PERSON for i in range(j) if i not in gone):
                track.alone_s = self._time_s
            elif not track.track_id or self._time_s - track.alone_s > LOST_AFTER_S:
                gone.add(j)
        for j in gone:
            self.tracks.remove(order[j])

    def _confirm(self) -> None:
        """Give ids to candidates that held up, the most prominent first.

        A newcomer takes the place of somebody who has not been seen for a while.
        """
        late_s = self._time_s - _REPLACEABLE_AFTER_S
        waiting = [t for t in self.tracks if not t.track_id]
        present = [t for t in self.tracks if t.track_id and t.seen_s >= late_s]
        ready = [t for t in waiting if t.hits >= 2 and quality(t.shape) >= self._accept]
        ready.sort(key=lambda t: prominence(t.shape, t.box, self._frame_hw), reverse=True)
        for track in ready[: max(0, self.persons - len(present))]:
            track.track_id = self._next_id
            self._next_id += 1
        absent = [t for t in self.confirmed if t not in present and t not in ready]
        absent.sort(key=lambda t: t.seen_s)
        for track in absent[: max(0, len(self.confirmed) - self.persons)]:
            self.tracks.remove(track)
        if waiting and not self.is_missing_someone:
            for track in [t for t in self.tracks if not t.track_id]:
                self.tracks.remove(track)

    def _propose(self, time_s: float, proposals: FloatArray) -> None:
        """Start candidates from poses that nobody owns, the most prominent first."""
        evidence = np.stack([self._evidence(pose) for pose in proposals])
        boxes = [
            self._framing.box(pose[:, :2], score >= BOX_SCORE, self._frame_hw)
            if quality(score) >= KEEP
            else None
            for pose, score in zip(proposals, evidence, strict=True)
        ]
        rank = [
            0.0 if b is None else prominence(e, b, self._frame_hw)
            for b, e in zip(boxes, evidence, strict=True)
        ]
        for row in np.argsort(rank)[::-1]:
            pose, score, box = proposals[row], evidence[row], boxes[row]
            if len(self.tracks) >= len(self._size):
                return
            if box is None or self._is_known(pose, box):
                continue
            used = {t.slot for t in self.tracks}
            slot = next(s for s in range(len(self._size)) if s not in used)
            track = Track(slot, within(box, self._frame_hw), time_s, pose[:, 2], pose[:, :2], score)
            self.tracks.append(track)
            self.smoother.begin(slot, track.raw_xy, score, track.size_px)

    def _is_known(self, pose: FloatArray, box: BBox) -> bool:
        if not self.tracks:
            return False
        known = self.smoother.xy[[t.slot for t in self.tracks]]
        areas = np.array([2.0 * max(t.area, area_of(box)) for t in self.tracks])
        alike = oks_matrix(known, pose[None, :, :2], pose[None, :, 2], areas, self._sigmas)
        return bool(alike.max() > 0.3)
