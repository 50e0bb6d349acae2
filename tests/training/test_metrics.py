"""Metrics against cases worked out by hand, and OKS against pycocotools."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from steadypose.engines.skeletons.people import COCO17, MPII16
from steadypose.engines.skeletons.skeleton import Skeleton
from steadypose.realtime.tracking.association import oks_matrix
from training.measures.metrics import (
    limb_joints,
    pck,
    pck_per_keypoint,
    relative_error,
    reliability,
    torso_px,
)


def test_the_torso_is_a_diagonal_and_its_mirror_stands_in() -> None:
    xy = np.zeros((3, 17, 2))
    xy[:, COCO17.index("right_hip")] = (30, 40)
    xy[:, COCO17.index("left_hip")] = (0, 0)
    xy[:, COCO17.index("right_shoulder")] = (6, 8)
    known = np.ones((3, 17), np.bool_)
    known[1, COCO17.index("left_shoulder")] = False
    known[2, [5, 6]] = False
    np.testing.assert_allclose(torso_px(xy, known, COCO17), (50, 10, np.nan))


def test_pck_counts_what_is_within_the_threshold() -> None:
    truth = np.zeros((2, 3, 2))
    found = np.array([[(1.0, 0), (3, 0), (0, 2)], [(0, 0), (np.nan, 0), (9, 0)]])
    error = relative_error(found, truth, np.array((10.0, 20.0)))
    np.testing.assert_allclose(error, [[0.1, 0.3, 0.2], [0.0, np.inf, 0.45]])
    counted = np.ones((2, 3), np.bool_)
    assert pck(error, counted, 0.2) == pytest.approx(3 / 6)  # "within": the limit, too
    counted[1, 1] = False
    assert pck(error, counted, 0.2) == pytest.approx(3 / 5)
    np.testing.assert_allclose(pck_per_keypoint(error, counted, 0.25), (1.0, 0.0, 0.5))


def test_a_person_without_reference_does_not_count() -> None:
    error = relative_error(np.zeros((2, 1, 2)), np.zeros((2, 1, 2)), np.array((np.nan, 5.0)))
    assert pck(error, np.ones((2, 1), np.bool_), 0.2) == 1.0
    assert np.isnan(pck(error[:1], np.ones((1, 1), np.bool_), 0.2))


def test_twelve_joints_are_limbs() -> None:
    assert limb_joints(COCO17) == list(range(5, 17))
    assert len(limb_joints(MPII16)) == 16
    hoofs = replace(MPII16, keypoints=tuple(f"rear_heart_gear_{k}" for k in range(16)))
    assert len(limb_joints(hoofs)) == 16  # rear, heart and gear hold an ear
    face = Skeleton("face", ("nose", "left_eye"), (), (), (0.1, 0.1))
    assert limb_joints(face) == [0, 1]


def test_reliability_of_scores_that_are_probabilities() -> None:
    rng = np.random.default_rng(0)
    score = rng.uniform(0, 1, (4000, 5))
    is_right = rng.uniform(0, 1, score.shape) < score
    curve = reliability(score, np.where(is_right, 0.1, 0.9), np.ones(score.shape, np.bool_))
    assert curve.gap < 0.02
    np.testing.assert_allclose(curve.right, curve.score, atol=0.05)
    assert curve.count.sum() == 20000
    # For a score u uniform and right with probability u the area is 5/6.
    assert curve.order == pytest.approx(5 / 6, abs=0.01)


def test_reliability_of_worthless_and_of_perfect_scores() -> None:
    error = np.array([[0.1, 0.1, 0.9, 0.9]])
    counted = np.ones((1, 4), np.bool_)
    assert reliability(np.full((1, 4), 0.5), error, counted).order == 0.5
    assert reliability(np.array([[0.9, 0.8, 0.2, 0.1]]), error, counted).order == 1.0
    assert np.isnan(reliability(np.full((1, 4), 0.5), error * 0, counted).order)


def test_oks_is_pycocotools_oks() -> None:
    cocoeval = pytest.importorskip("pycocotools.cocoeval")
    rng = np.random.default_rng(3)
    truth, found = rng.uniform(0, 100, (2, 17, 2)), rng.uniform(0, 100, (3, 17, 2))
    found[0] = truth[0] + rng.normal(0, 3, (17, 2))
    visible = (rng.random((2, 17)) < 0.7).astype(float) * 2
    area = np.array((3000.0, 900.0))
    evaluation = cocoeval.COCOeval(iouType="keypoints")
    evaluation.params.maxDets = [20]
    evaluation._gts[1, 1] = [
        {
            "keypoints": np.column_stack((truth[i], visible[i])).ravel().tolist(),
            "bbox": [0, 0, 50, 50],
            "area": area[i],
        }
        for i in range(2)
    ]
    evaluation._dts[1, 1] = [
        {"keypoints": np.column_stack((xy, np.ones(17))).ravel().tolist(), "score": 1 - 0.1 * i}
        for i, xy in enumerate(found)
    ]
    evaluation.params.catIds, evaluation.params.useCats = [1], 1
    theirs = evaluation.computeOks(1, 1)
    ours = np.stack(
        [
            [
                oks_matrix(
                    truth[i : i + 1],
                    xy[None],
                    (visible[i : i + 1] > 0).astype(float),
                    area[i : i + 1],
                    np.array(COCO17.sigmas),
                )[0, 0]
                for i in range(2)
            ]
            for xy in found
        ]
    )
    np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=1e-9)
