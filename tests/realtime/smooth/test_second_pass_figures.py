"""The second pass over a recording in figures; see ``tests/support/smoothing_scenes.py``."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from steadypose.realtime.datatypes import State
from steadypose.realtime.smooth.second_pass import _lasting, smooth_again
from tests.support.smoothing_scenes import FPS, NOISE_PX, SIZE_PX, Floats, rest, swing, walk

MARGIN = 0.03
TRIALS = 60
WALK = {"rests_s": 0.7, "walks_s": 1.0, "stands_s": 0.7}


def again(
    truth: Floats,
    *,
    noise_px: float = NOISE_PX,
    score: float = 0.9,
    unseen: slice = slice(0),
    off_px: Floats | None = None,
) -> tuple[Floats, Floats, NDArray[np.int8]]:
    """Measurements, what the second pass makes of them, and the states.

    Args:
        truth: (T, 2) positions, pixels.
        noise_px: Standard deviation of the measurements, per axis.
        score: Of every measurement.
        unseen: Frames in which nothing is measured.
        off_px: (T,) by which the measurements are off to the right.
    """
    rng = np.random.default_rng(0)
    raw = truth[:, None] + rng.normal(0.0, noise_px, (len(truth), TRIALS, 2))
    if off_px is not None:
        raw[..., 0] += off_px[:, None]
    scores = np.full((len(truth), TRIALS), score)
    scores[unseen] = 0.0
    sizes = np.full(len(truth), SIZE_PX)
    found, state = smooth_again(np.arange(len(truth)) / FPS, raw, scores, sizes)
    return raw, found, state


def off(count: int, begin: int, end: int, by_px: float) -> Floats:
    found = np.zeros(count)
    found[begin:end] = by_px
    return found


def test_a_hundredth_of_the_jitter_of_a_resting_hand_is_left() -> None:
    truth = rest(2.0)
    raw, found, _ = again(truth)
    before, after = (np.linalg.norm(np.diff(xy, axis=0), axis=2).mean() for xy in (raw, found))
    assert after / before == pytest.approx(0.0105, rel=MARGIN)
    assert np.linalg.norm(found - 200.0, axis=2).mean() == pytest.approx(1.037, rel=MARGIN)


def test_a_hand_that_starts_and_stops_at_once_is_rounded_off_by_this_many_pixels() -> None:
    truth = walk(1.0, **WALK)
    _, found, _ = again(truth)
    away = np.linalg.norm(found.mean(axis=1) - truth, axis=1)
    assert away[16:26].mean() == pytest.approx(2.465, rel=MARGIN)
    assert np.linalg.norm(found - truth[:, None], axis=2)[26:46].mean() < 0.6 * 5.0


def test_a_shaking_hand_is_off_by_this_many_pixels() -> None:
    truth = swing(2.5, reach=0.1, duration_s=2.0)
    _, found, _ = again(truth)
    away = np.linalg.norm(found - truth[:, None], axis=2)[10:-10]
    assert away.mean() == pytest.approx(3.287, rel=MARGIN)


@pytest.mark.parametrize(("frames", "shown_px"), [(1, 0.254), (4, 24.30)])
def test_what_jumps_by_30_pixels_and_comes_back_is_shown_this_far_off(
    frames: int, shown_px: float
) -> None:
    truth = rest(2.0)
    _, found, _ = again(truth, noise_px=1.0, off_px=off(len(truth), 30, 30 + frames, 30.0))
    assert found[30:][: (frames + 1) // 2, :, 0].mean() - 200.0 == pytest.approx(
        shown_px, rel=MARGIN
    )


def test_a_cut_in_the_film_is_kept_to_the_frame() -> None:
    truth = rest(2.0)
    truth[30:] += 240.0
    _, found, _ = again(truth, noise_px=0.1)
    away = np.linalg.norm(found - truth[:, None], axis=2)
    assert away.max() < 1.0


@pytest.mark.parametrize("frames", [1, 3])
def test_what_is_wrong_for_less_than_a_tenth_of_a_second_at_an_end_is_left_out(
    frames: int,
) -> None:
    """With nothing before it, a run of the filter believes it."""
    truth = rest(2.0)
    wrong = off(60, 0, frames, -200.0) + off(60, 60 - frames, 60, 200.0)
    _, found, state = again(truth, noise_px=0.1, off_px=wrong)
    assert np.abs(found - 200.0).max() < 1.0
    assert (state[:frames] == State.PREDICTED).all()
    assert (state[-frames:] == State.PREDICTED).all()


def test_what_lasts_is_told_by_the_time_from_its_first_frame_to_its_last() -> None:
    """At 25 frames a second four frames take 0.12 s, three 0.08."""
    mask = np.zeros((40, 3), np.bool_)
    mask[10:14, 0] = mask[20:23, 0] = True
    mask[:3, 1] = mask[36:, 1] = True
    found = _lasting(mask, np.arange(40) / 25)
    assert np.flatnonzero(found[:, 0]).tolist() == [10, 11, 12, 13]
    assert np.flatnonzero(found[:, 1]).tolist() == [36, 37, 38, 39]
    assert not found[:, 2].any()


def test_what_lasts_longer_at_an_end_was_so() -> None:
    truth = rest(2.0)
    truth[:5] -= 200.0
    _, found, state = again(truth, noise_px=0.1)
    assert np.linalg.norm(found - truth[:, None], axis=2).max() < 1.0
    assert (state == State.MEASURED).all()


@pytest.mark.parametrize(("gap_s", "lost_s"), [(0.9, 0.0), (1.1, 0.1), (1.5, 0.5)])
def test_half_a_second_to_either_side_of_a_gap_is_bridged_and_the_rest_is_lost(
    gap_s: float, lost_s: float
) -> None:
    truth = rest(3.0)
    frames = round(gap_s * FPS)
    _, found, state = again(truth, unseen=slice(30, 30 + frames))
    lost = (state == State.LOST).all(axis=1)
    assert lost.sum() / FPS == pytest.approx(lost_s, abs=0.07)
    assert np.isnan(found[lost]).all()
    assert np.abs(found[~lost] - 200.0).max() < 15.0


def test_a_walk_behind_a_pillar_is_bridged_on_a_straight_line() -> None:
    truth = walk(1.0, rests_s=0.1, walks_s=2.0, stands_s=0.1)
    _, found, state = again(truth, unseen=slice(24, 42))
    assert (state[24:42] == State.PREDICTED).all()
    away = np.linalg.norm(found.mean(axis=1) - truth, axis=1)[24:42]
    assert away.mean() < 0.01 * SIZE_PX


def test_a_hand_that_appears_late_begins_where_it_is_measured() -> None:
    """And not on a way from the picture's corner to there."""
    truth = rest(2.0)
    _, found, state = again(truth, noise_px=0.5, unseen=slice(0, 30))
    seen = state != State.LOST
    assert seen[15:].all()
    assert not seen[:15].any()
    assert np.abs(found[30:] - 200.0).max() < 1.0
    assert np.abs(found[seen] - 200.0).max() < 3.0
