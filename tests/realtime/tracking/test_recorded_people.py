"""Real answers of the shipped network, replayed: who comes, goes, hides and passes by."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import pytest

from steadypose.realtime.datatypes import FloatArray, State
from tests.support.following import AT
from tests.support.make_sequences import SCENES
from tests.support.recorded import FOLDER, Replay, load, replay

WRIST = AT["left_wrist"]


@cache
def _whole(name: str, persons: int = 1) -> Replay:
    """A sequence with all its frames, as it was recorded."""
    return replay(name, persons=persons)


def _changed(
    frames: range, how: Callable[[FloatArray], None]
) -> Callable[[int, FloatArray], FloatArray]:
    """Some frames in which the network says something else."""

    def change(frame: int, pose: FloatArray) -> FloatArray:
        pose = pose.copy()
        if frame in frames:
            how(pose)
        return pose

    return change


def test_the_recorded_sequences_are_small_and_all_there() -> None:
    kept = sorted(FOLDER.glob("*.npz"))
    assert [path.stem for path in kept] == sorted(SCENES)
    assert sum(path.stat().st_size for path in kept) < 300_000
    for name in SCENES:
        off = load(name).truth - load(name).crops[..., :2]
        assert np.median(np.abs(off)) < 3  # the network saw these people


def test_somebody_who_comes_in_is_one_person_until_they_have_gone() -> None:
    seen = _whole("passing")
    whole = [f for f, xy in enumerate(seen.sequence.truth[:, 0, :, 0]) if xy.min() > 0]
    left = next(f for f, xy in enumerate(seen.sequence.truth[:, 0, :, 0]) if xy.min() > 640)
    assert seen.every_id() == {1}
    assert not any(seen.poses[f] for f in range(15))  # an empty room
    assert seen.ids(whole[0] + 3) == [1]
    assert all(seen.off(f, 1, 0) < 10 for f in range(whole[0] + 3, 106))
    assert seen.ids(left + 8) == []


def test_two_who_pass_each_other_keep_their_ids_and_poses() -> None:
    seen = _whole("crossing", 2)
    assert seen.every_id() == {1, 2}
    for frame in (5, 40, 75, 119):
        off = np.array([[seen.off(frame, number, p) for p in (0, 1)] for number in (1, 2)])
        assert off.argmin(axis=1).tolist() == [0, 1]
        assert off.min(axis=1).max() < 10


def test_somebody_who_walks_behind_a_pillar_comes_out_with_the_same_id() -> None:
    seen = _whole("hidden")
    assert seen.every_id() == {1}
    assert max(seen.off(frame, 1, 0) for frame in range(5, 35)) < 10
    assert max(seen.off(frame, 1, 0) for frame in range(74, 102)) < 10


def test_when_the_camera_turns_away_the_person_is_found_anew_within_two_thirds_of_a_second() -> (
    None
):
    seen = _whole("standing")
    assert seen.ids(59) == [1]
    assert seen.ids(80) == [2]
    assert seen.off(80, 2, 0) < 10


@pytest.mark.parametrize("step", [3, 4])
def test_dropped_frames_change_no_id_and_hardly_a_pose(step: int) -> None:
    whole = _whole("crossing", 2)
    seen = replay("crossing", persons=2, frames=range(0, 120, step))
    assert seen.every_id() == {1, 2}
    for frame in (24, 36, 84, 108):
        for number in (1, 2):
            away = seen.poses[frame][number].xy - whole.poses[frame][number].xy
            assert np.nanmean(np.hypot(away[:, 0], away[:, 1])) < 6


def test_a_third_of_a_second_without_frames_changes_no_id() -> None:
    seen = replay("crossing", persons=2, frames=[f for f in range(120) if not 30 <= f < 40])
    assert seen.every_id() == {1, 2}
    assert seen.off(50, 2, 1) < 15
    assert seen.off(90, 1, 0) < 5


def test_a_standstill_of_the_clock_for_half_a_second_changes_no_id() -> None:
    seen = replay("passing", pause=lambda frame: 0.5 if frame == 60 else 0.0)
    assert seen.every_id() == {1}
    assert seen.off(66, 1, 0) < 10


def test_one_wild_hand_in_one_frame_moves_nothing() -> None:
    def wild(pose: FloatArray) -> None:
        pose[WRIST, :2] += (150, -40)

    whole, seen = _whole("standing"), replay("standing", change=_changed(range(30, 31), wild))
    for frame in range(29, 40):
        away = np.abs(seen.poses[frame][1].xy - whole.poses[frame][1].xy)
        assert away.max() < 2.5
    assert seen.poses[30][1].state[WRIST] == State.PREDICTED


def test_three_missed_frames_are_bridged() -> None:
    def miss(pose: FloatArray) -> None:
        pose[:, 2] = 0.01

    whole, seen = _whole("standing"), replay("standing", change=_changed(range(30, 33), miss))
    for frame in range(30, 40):
        away = seen.poses[frame][1].xy - whole.poses[frame][1].xy
        assert np.hypot(away[:, 0], away[:, 1]).mean() < 4
        is_bridged = frame < 33 or (seen.poses[frame][1].state == State.PREDICTED).all()
        wanted = State.PREDICTED if is_bridged else State.MEASURED
        assert (seen.poses[frame][1].state == wanted).all()


def test_a_standing_person_trembles_a_ninth_as_much_as_the_network_and_is_as_near_the_truth() -> (
    None
):
    raw, smooth = replay("standing", is_smooth=False), _whole("standing")
    frames = range(10, 58)

    def tremble(seen: dict[int, FloatArray]) -> float:
        return float(np.nanmean(np.abs(np.diff(np.array(list(seen.values())), 2, axis=0))))

    before = tremble({f: raw.poses[f][1].xy for f in frames})
    after = tremble({f: smooth.poses[f][1].xy for f in frames})
    assert before / after == pytest.approx(9.1, rel=0.08)
    off = np.mean([smooth.off(f, 1, 0) for f in frames])
    assert off == pytest.approx(2.57, rel=0.05)
    assert off < np.mean([raw.off(f, 1, 0) for f in frames]) + 0.4
