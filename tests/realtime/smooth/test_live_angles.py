"""Joint angles as frames arrive: the report's, with an honest standard deviation."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.smoothing.simulator import make_scene
from steadypose.engines.skeletons.people import COCO17
from steadypose.realtime.datatypes import State
from steadypose.realtime.smooth.angles import JOINTS, NAMES, joint_angle, trunk_angle
from steadypose.realtime.smooth.live_angles import NOTHING_KNOWN_DEG, LiveAngles
from steadypose.realtime.smooth.presets import make_smoother

KEYPOINTS = COCO17.keypoints
Array = NDArray[np.float64]


def upright() -> Array:
    """(K, 2) somebody who stands, arms hanging; y down."""
    places = {
        "shoulder": (20, 100), "elbow": (22, 140), "wrist": (22, 180),
        "hip": (15, 180), "knee": (15, 240), "ankle": (15, 300),
    }  # fmt: skip
    xy = np.full((17, 2), 50.0)
    for name, (x, y) in places.items():
        xy[KEYPOINTS.index(f"left_{name}")] = 100 + x, y
        xy[KEYPOINTS.index(f"right_{name}")] = 100 - x, y
    return xy


def with_elbow(degrees: float, side: str = "left") -> Array:
    xy = upright()
    elbow = xy[KEYPOINTS.index(f"{side}_elbow")]
    up = xy[KEYPOINTS.index(f"{side}_shoulder")] - elbow
    turn = np.radians(degrees)
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    xy[KEYPOINTS.index(f"{side}_wrist")] = elbow + rotation @ up
    return xy


def live(frames: list[Array], fps: float = 30.0) -> Array:
    """(T, J) angles of one person."""
    meter, certain = LiveAngles(KEYPOINTS), np.tile(np.eye(2), (1, 17, 1, 1))
    return np.array(
        [meter.measure([1], xy[None], certain, n / fps)[0, :, 0] for n, xy in enumerate(frames)]
    )


def angle(name: str) -> int:
    return NAMES.index(name)


def test_standing_upright_has_the_angles_of_the_table() -> None:
    found = dict(zip(NAMES, live([upright()])[0], strict=True))
    for side in ("left", "right"):
        assert found[f"{side}_knee"] == pytest.approx(180)
        assert found[f"{side}_hip"] == pytest.approx(180, abs=8)
        assert found[f"{side}_shoulder"] == pytest.approx(0, abs=8)
    assert found["trunk"] == pytest.approx(0)


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_a_joint_that_was_bent_passes_through_straight_without_folding(sign: float) -> None:
    wanted = np.concatenate((np.arange(170, 60, -5), np.arange(60, 200, 5)))
    found = live([with_elbow(sign * degrees) for degrees in wanted])[:, angle("left_elbow")]
    np.testing.assert_allclose(found, wanted, atol=1e-6)


def test_what_is_told_live_is_what_the_report_tells_of_the_whole() -> None:
    degrees = 110 + 80 * np.sin(np.arange(200) / 9)
    frames = [with_elbow(-d, "right") for d in degrees]
    found = live(frames)
    for joint in JOINTS:
        for side in ("left", "right"):
            whole = joint_angle(
                np.array(frames), np.arange(200) / 30, KEYPOINTS, joint=joint, side=side
            )
            assert whole is not None
            np.testing.assert_allclose(found[:, angle(f"{side}_{joint}")], whole, atol=1e-6)


def test_somebody_who_turns_round_is_counted_from_the_other_side() -> None:
    seen = [60.0] * 5 + [120.0, 180.0, -170.0, -120.0] + [-60.0] * 5 + [-40.0]
    found = live([with_elbow(d) for d in seen])[:, angle("left_elbow")]
    assert found[-2:] == pytest.approx([60, 40])
    assert found.max() < 225


def test_after_a_long_gap_the_side_is_found_out_again() -> None:
    meter, certain = LiveAngles(KEYPOINTS), np.tile(np.eye(2), (1, 17, 1, 1))

    def elbow(degrees: float, time_s: float, *, is_lost: bool = False) -> float:
        xy = with_elbow(degrees)
        if is_lost:
            xy[:] = np.nan
        return float(meter.measure([1], xy[None], certain, time_s)[0, angle("left_elbow"), 0])

    assert elbow(60, 0.0) == pytest.approx(60)
    assert np.isnan(elbow(60, 0.1, is_lost=True))
    assert elbow(190, 0.4) == pytest.approx(190)  # a short gap: it goes on
    assert elbow(-60, 1.0) == pytest.approx(60)  # a long one: another side
    assert elbow(40, 2.0) == pytest.approx(40)  # and another one, by no turn of the joint


def test_people_keep_their_angles_when_others_come_and_go() -> None:
    meter = LiveAngles(KEYPOINTS)
    one, other = with_elbow(60), with_elbow(-60)

    def elbows(ids: list[int], poses: list[Array], time_s: float) -> list[float]:
        certain = np.tile(np.eye(2), (len(ids), 17, 1, 1))
        found = meter.measure(ids, np.array(poses).reshape(-1, 17, 2), certain, time_s)
        return [round(float(value), 6) for value in found[:, angle("left_elbow"), 0]]

    assert elbows([1], [one], 0.0) == [60]
    assert elbows([1, 2], [with_elbow(190), other], 0.1) == [190, 60]
    assert elbows([2, 3, 1], [with_elbow(-190), one, with_elbow(195)], 0.2) == [190, 60, 195]
    assert elbows([], [], 0.3) == []


def test_the_trunk_keeps_its_sign_and_goes_round() -> None:
    def leaning(degrees: float) -> Array:
        xy, turn = upright(), np.radians(degrees)
        hips = xy[[KEYPOINTS.index("left_hip"), KEYPOINTS.index("right_hip")]].mean(axis=0)
        rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
        return (xy - hips) @ rotation.T + hips

    wanted = np.arange(0.0, 400.0, 20.0)
    found = live([leaning(d) for d in wanted])[:, angle("trunk")]
    np.testing.assert_allclose(found, wanted, atol=1e-6)  # clockwise: to the right of the picture
    assert live([leaning(-30)])[0, angle("trunk")] == pytest.approx(-30)
    whole = trunk_angle(np.array([leaning(-30)] * 3), np.arange(3) / 30, KEYPOINTS)
    assert whole == pytest.approx(-30)


@pytest.mark.parametrize(
    ("elbow", "lean"), [(100, 0), (135, 0), (45, 0), (100, 30), (135, -50), (60, 140)]
)
def test_the_standard_deviation_is_that_of_many_tries(elbow: float, lean: float) -> None:
    rng, turn = np.random.default_rng(7), np.radians(lean)
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    xy = with_elbow(elbow) @ rotation.T
    roots = rng.normal(0, 1.2, (17, 2, 2))
    covariance = roots @ roots.transpose(0, 2, 1)
    said = LiveAngles(KEYPOINTS).measure([1], xy[None], covariance[None], 0.0)[0, :, 1]
    tries = xy + np.einsum("kij,nkj->nki", roots, rng.normal(size=(4000, 17, 2)))
    spread = np.tile(np.eye(2), (1, 17, 1, 1))
    found = np.array(
        [LiveAngles(KEYPOINTS).measure([1], t[None], spread, 0.0)[0, :, 0] for t in tries[:2000]]
    )
    turned = np.degrees(np.angle(np.exp(1j * np.radians(found))))
    is_clear = np.abs(np.abs(turned).mean(axis=0) - 90) < 75  # folding at the ends narrows it
    is_clear[angle("trunk")] = True
    assert is_clear.sum() >= 2
    np.testing.assert_allclose(said[is_clear], turned.std(axis=0)[is_clear], rtol=0.06)


def test_an_angle_of_points_that_may_be_anywhere_is_not_known_worse_than_not_at_all() -> None:
    anywhere = np.tile(1e6 * np.eye(2), (1, 17, 1, 1))
    found = LiveAngles(KEYPOINTS).measure([1], upright()[None], anywhere, 0.0)
    assert found[0, :, 1] == pytest.approx(NOTHING_KNOWN_DEG)
    # As where every angle from 0 to 360 is as likely.
    whole = np.random.default_rng(0).uniform(0, 360, 100_000)
    assert pytest.approx(whole.std(), rel=0.01) == NOTHING_KNOWN_DEG


def test_what_cannot_be_known_is_nan() -> None:
    meter, certain = LiveAngles(KEYPOINTS), np.tile(np.eye(2), (1, 17, 1, 1))
    xy = upright()
    xy[KEYPOINTS.index("left_wrist")] = np.nan
    xy[KEYPOINTS.index("right_wrist")] = xy[KEYPOINTS.index("right_elbow")]
    found = meter.measure([1], xy[None], certain, 0.0)[0]
    assert np.isnan(found[[angle("left_elbow"), angle("right_elbow")]]).all()
    assert np.isfinite(found[angle("left_knee")]).all()
    unknown = meter.measure([1], upright()[None], np.full((1, 17, 2, 2), np.nan), 0.1)[0]
    assert np.isfinite(unknown[:, 0]).all()
    assert np.isnan(unknown[:, 1]).all()
    armless = [k for k, name in enumerate(KEYPOINTS) if not name.endswith("wrist")]
    names = [KEYPOINTS[k] for k in armless]
    found = LiveAngles(names).measure([1], upright()[None, armless], certain[:, armless], 0.0)[0]
    is_elbow = [name.endswith("elbow") for name in NAMES]
    assert np.isnan(found).all(axis=1).tolist() == is_elbow
    assert np.isfinite(found).all(axis=1).tolist() == [not one for one in is_elbow]
    other = LiveAngles(("a", "b")).measure([1], np.ones((1, 2, 2)), np.ones((1, 2, 2, 2)), 0.0)
    assert np.isnan(other).all()


def test_nine_of_ten_true_angles_are_within_the_margin_of_ninety_per_cent() -> None:
    """On simulated people, all joints that are measured; 1.645 standard deviations hold 90 %."""
    scene = make_scene(31_000, seconds=8.0, persons=6)
    people, count = scene.score.shape[1:]
    smoother = make_smoother("balanced", people, count)
    ids = list(range(people))
    said, true = LiveAngles(KEYPOINTS), LiveAngles(KEYPOINTS)
    joints = [
        [KEYPOINTS.index(f"{s}_{p}") for p in JOINTS[j]] for j in JOINTS for s in ("left", "right")
    ]
    for person in ids:
        first = np.nan_to_num(scene.measured[0, person])
        smoother.begin(person, first, scene.score[0, person], scene.size_px[0, person])
    inside: list[Array] = []
    for n in range(1, len(scene.time_s)):
        time_s = float(scene.time_s[n])
        smoother.predict(time_s)
        smoother.update(scene.measured[n], scene.score[n], scene.size_px[n])
        found = said.measure(ids, smoother.xy, smoother.uncertainty(), time_s)[:, :-1]
        truth = true.measure(ids, scene.truth[n], np.zeros((people, count, 2, 2)), time_s)[
            :, :-1, 0
        ]
        away = np.abs((found[..., 0] - truth + 180) % 360 - 180)
        is_seen = (smoother.state[:, joints] == State.MEASURED).all(axis=2)
        is_seen &= scene.is_there[:, joints].all(axis=2)
        inside.append((away < 1.645 * found[..., 1])[is_seen])
    assert 0.84 < np.concatenate(inside).mean() < 0.96


@pytest.mark.parametrize(("unclear", "clear"), [(20, 35), (25, 145), (160, 145), (155, 35)])
@pytest.mark.parametrize("side", [1, -1])
def test_an_arm_almost_straight_or_folded_does_not_tell_to_which_side_it_bends(
    unclear: float, clear: float, side: int
) -> None:
    found = live([with_elbow(side * unclear), with_elbow(-side * clear)])
    assert found[:, angle("left_elbow")] == pytest.approx([unclear, clear])


@pytest.mark.parametrize("side", [1, -1])
def test_a_joint_may_be_measured_45_degrees_beyond_its_ends(side: int) -> None:
    """Further on, the person has turned round, or left and right were exchanged."""
    for way, kept, turned in (((90, 45, 10, -20), -40, -50), ((90, 135, 170, 200), 220, 230)):
        found = live([with_elbow(side * degrees) for degrees in (*way, kept, turned)])
        ends = found[-2:, angle("left_elbow")]
        assert ends == pytest.approx([kept, 50 if turned < 0 else 130])
