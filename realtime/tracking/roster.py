"""The set of tracks: start candidates, confirm them with an id, drop lost ones."""

from __future__ import annotations

import numpy as np

from steadypose.realtime.datatypes import BBox, FloatArray
from steadypose.realtime.smooth.base import Smoother
from steadypose.realtime.tracking.association import SAME_PERSON, oks_matrix
from steadypose.realtime.tracking.boxes import area_of, within
from steadypose.realtime.tracking.framing import BOX_SCORE, Framing
from steadypose.realtime.tracking.track import Track, prominence, quality

LOST_AFTER_S = 1.0
"""A person who is not seen for this long is dropped; the next one gets a new id."""

MOST_PERSONS = 10
"""People that can be tracked at once."""

CANDIDATES = 3
"""Candidates that may be tracked in addition to people with an id."""

SEEN_QUALITY = 0.42
"""Quality below which a pose counts as "not seen"."""

MISSING_AFTER_S = 0.25
"""A shorter gap does not trigger a search of the frame."""

_REPLACEABLE_AFTER_S = 0.5  # unseen for this long, a person may be replaced by a new one
_PAUSE_STEPS = 3.0  # a gap in a recording is so many times longer than the step before
_CANDIDATE_MISSES = 2  # frames without a hit after which a candidate is dropped


class Roster:
    """Up to ``persons`` confirmed people and a few candidates.

    Args:
        persons: How many people to track.
        smoother: Has ``persons + CANDIDATES`` slots; a track's slot is begun and cleared here.
        framing: Of the skeleton.
        sigmas: (K,) OKS sigmas.
        accept: Quality that a new person needs, twice in a row.
    """

    def __init__(
        self,
        persons: int,
        smoother: Smoother,
        framing: Framing,
        *,
        sigmas: FloatArray,
        accept: float,
    ) -> None:
        self.persons = persons
        self.tracks: list[Track] = []
        self.frame_hw = (0, 0)
        self._smoother = smoother
        self._framing = framing
        self._sigmas = sigmas
        self._accept = accept
        self._next_id = 1
        self._time_s = self._gap_s = 0.0

    @property
    def confirmed(self) -> list[Track]:
        """People with an id, in order of their ids."""
        return sorted((t for t in self.tracks if t.track_id), key=lambda t: t.track_id)

    @property
    def is_missing_someone(self) -> bool:
        """True while fewer people are in view than should be tracked."""
        late_s = self._time_s - MISSING_AFTER_S
        return sum(1 for t in self.tracks if t.track_id and t.seen_s >= late_s) < self.persons

    @property
    def well_seen(self) -> int:
        """How many people or candidates are seen well enough for a new person."""
        return sum(1 for track in self.tracks if quality(track.evidence) >= self._accept)

    def update(self, time_s: float, proposals: FloatArray) -> None:
        """Drop lost tracks, confirm candidates, start new ones.

        Args:
            time_s: Capture time of the frame.
            proposals: (N, K, 3) poses of people who may be new, frame x, y and score.
        """
        gap_s, self._time_s = time_s - self._time_s, time_s
        self._drop_gone()
        # Pictures that are always seconds apart are one scene; a pause is longer than usual.
        if self._gap_s and gap_s > max(LOST_AFTER_S, _PAUSE_STEPS * self._gap_s):
            self._name_again()
        self._gap_s = gap_s or self._gap_s
        if len(self.tracks) > 1:
            self._drop_doubles()
        self._confirm()
        if len(proposals):
            self._propose(proposals)

    def _drop_gone(self) -> None:
        for track in list(self.tracks):
            is_late = self._time_s - track.seen_s > LOST_AFTER_S
            is_nothing = not track.track_id and track.misses >= _CANDIDATE_MISSES
            x, y = track.box.center_xy
            has_left = not (0 <= x <= self.frame_hw[1] and 0 <= y <= self.frame_hw[0])
            if is_late or is_nothing or (has_left and track.misses):
                self.tracks.remove(track)

    def _name_again(self) -> None:
        """After a pause nobody knows who it was: ids are not kept longer than promised."""
        for track in self.confirmed:
            track.track_id = self._next_id
            self._next_id += 1

    def _drop_doubles(self) -> None:
        """If two tracks lie on one person, drop the younger.

        A candidate is dropped at once; a person with an id gets time to walk past the other.
        """
        order = sorted(self.tracks, key=lambda t: (t.track_id == 0, t.track_id, -t.hits))
        slots = [t.slot for t in order]
        weights = np.array([t.evidence for t in order])
        areas = np.array([t.area for t in order])
        alike = oks_matrix(
            self._smoother.xy[slots], self._smoother.xy[slots], weights, areas, self._sigmas
        )
        gone: set[int] = set()
        for j, track in enumerate(order):
            if not any(alike[i, j] > SAME_PERSON for i in range(j) if i not in gone):
                track.last_apart_s = self._time_s
            elif not track.track_id or self._time_s - track.last_apart_s > LOST_AFTER_S:
                gone.add(j)
        for j in gone:
            self.tracks.remove(order[j])

    def _confirm(self) -> None:
        """Give ids to candidates that were seen well twice, the most prominent first.

        A new person replaces one who has not been seen for a while.
        """
        late_s = self._time_s - _REPLACEABLE_AFTER_S
        waiting = [t for t in self.tracks if not t.track_id]
        present = [t for t in self.tracks if t.track_id and t.seen_s >= late_s]
        ready = [t for t in waiting if t.hits >= 2 and quality(t.evidence) >= self._accept]
        ready.sort(key=lambda t: prominence(t.evidence, t.box, self.frame_hw), reverse=True)
        for track in ready[: max(0, self.persons - len(present))]:
            track.track_id = self._next_id
            self._next_id += 1
        absent = [t for t in self.confirmed if t.seen_s < late_s]
        absent.sort(key=lambda t: t.seen_s)
        for track in absent[: max(0, len(self.confirmed) - self.persons)]:
            self.tracks.remove(track)
        if waiting and not self.is_missing_someone:
            for track in [t for t in self.tracks if not t.track_id]:
                self.tracks.remove(track)

    def _propose(self, proposals: FloatArray) -> None:
        """Start candidates from poses of untracked people, the most prominent first."""
        evidence = np.stack([self._framing.evidence(pose, self.frame_hw) for pose in proposals])
        boxes = [
            self._framing.box(pose[:, :2], score >= BOX_SCORE, self.frame_hw)
            if quality(score) >= SEEN_QUALITY
            else None
            for pose, score in zip(proposals, evidence, strict=True)
        ]
        rank = [
            0.0 if b is None else prominence(e, b, self.frame_hw)
            for b, e in zip(boxes, evidence, strict=True)
        ]
        slots = self.persons + CANDIDATES
        for row in np.argsort(rank)[::-1]:
            pose, score, box = proposals[row], evidence[row], boxes[row]
            if len(self.tracks) >= slots:
                return
            if box is None or self._is_known(pose, box):
                continue
            used = {t.slot for t in self.tracks}
            slot = next(s for s in range(slots) if s not in used)
            track = Track(
                slot, within(box, self.frame_hw), self._time_s, pose[:, 2], pose[:, :2], score
            )
            self.tracks.append(track)
            self._smoother.begin(slot, track.raw_xy, score, track.size_px)

    def _is_known(self, pose: FloatArray, box: BBox) -> bool:
        if not self.tracks:
            return False
        known = self._smoother.xy[[t.slot for t in self.tracks]]
        areas = np.array([2.0 * max(t.area, area_of(box)) for t in self.tracks])
        alike = oks_matrix(known, pose[None, :, :2], pose[None, :, 2], areas, self._sigmas)
        return bool(alike.max() > 0.3)
