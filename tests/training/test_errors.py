"""Classes of errors after Ronchi and Perona 2017, and OKS-NMS after Papandreou et al. 2017."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from steadypose.engines.skeletons.people import COCO17
from tests.support.drawn import look_at
from training.measures.error_chart import error_chart
from training.measures.errors import (
    GOOD,
    INVERSION,
    JITTER,
    KINDS,
    MISS,
    SWAP,
    classify,
    error_table,
    shares,
)
from training.measures.measure import Found
from training.measures.suppression import suppress

K = len(COCO17)
AREA = 100.0**2
LEFT, RIGHT = COCO17.index("left_wrist"), COCO17.index("right_wrist")


def people(count: int) -> NDArray[np.float64]:
    """(count, K, 2): every keypoint 100 pixels from the next, people 5000 apart."""
    xy = np.zeros((count, K, 2))
    xy[..., 0] = 100 * np.arange(K)
    xy[..., 1] = 5000 * np.arange(count)[:, None]
    return xy


def found(truth: NDArray[np.float64], xy: NDArray[np.float64], **changes: Any) -> Found:
    n = len(truth)
    yes = np.ones((n, K), np.bool_)
    given: dict[str, Any] = {
        "skeleton": COCO17, "rows": np.arange(n), "xy": xy, "score": np.ones((n, K), np.float32),
        "truth": truth.astype(np.float32), "is_known": yes, "is_counted": yes,
        "reference_px": np.full(n, 50.0), "head_px": np.full(n, np.nan), "is_hidden": ~yes,
    }  # fmt: skip
    return Found(**{**given, **changes})


def off(alike: float, k: int) -> float:
    """Pixels at which keypoint ``k`` has this similarity."""
    return math.sqrt(-2.0 * AREA * (2 * COCO17.sigmas[k]) ** 2 * math.log(alike))


@pytest.mark.parametrize(
    ("alike", "kind"),
    [(1.0, GOOD), (0.86, GOOD), (0.84, JITTER), (0.51, JITTER), (0.49, MISS), (1e-9, MISS)],
)
def test_the_limits_are_those_of_the_paper(alike: float, kind: int) -> None:
    truth = people(1)
    xy = truth.copy()
    xy[0, LEFT, 1] += off(alike, LEFT)
    kinds = classify(found(truth, xy), ["a"], np.array([AREA]))
    assert kinds[0, LEFT] == kind
    assert (np.delete(kinds[0], LEFT) == GOOD).all()


def test_what_lies_on_something_else_says_on_what() -> None:
    truth = people(2)
    xy = truth.copy()
    xy[0, LEFT] = truth[0, RIGHT]  # its own twin
    xy[0, RIGHT] = truth[1, RIGHT] + off(0.6, RIGHT) / math.sqrt(2)  # the other person's
    xy[1, LEFT] = truth[0, RIGHT]  # the other person's twin
    xy[1, 0] = truth[1, 1]  # a nose on an eye is no semantically similar part
    xy[1, RIGHT] = np.nan
    kinds = classify(found(truth, xy), ["a", "a"], np.full(2, AREA))
    assert kinds[0, [LEFT, RIGHT]].tolist() == [INVERSION, SWAP]
    assert kinds[1, [LEFT, 0, RIGHT]].tolist() == [SWAP, MISS, MISS]
    apart = classify(found(truth, xy), ["a", "b"], np.full(2, AREA))  # not in one picture
    assert apart[0, RIGHT] == MISS
    assert apart[1, LEFT] == MISS
    assert apart[0, LEFT] == INVERSION


def test_a_label_nobody_made_is_neither_an_error_nor_something_to_lie_on() -> None:
    truth = people(2)
    xy = truth.copy()
    xy[0, LEFT] = truth[0, RIGHT]
    known = np.ones((2, K), np.bool_)
    known[0, RIGHT] = False
    kinds = classify(
        found(truth, xy, is_known=known, is_counted=known), ["a"] * 2, np.full(2, AREA)
    )
    assert kinds[0, LEFT] == MISS
    assert kinds[0, RIGHT] == -1
    counts = shares(kinds)
    assert counts[LEFT].tolist() == [0.5, 0, 0, 0, 0.5]
    assert counts[-1, MISS] == pytest.approx(1 / (2 * K - 1))
    assert np.isnan(shares(np.full((2, K), -1, np.int8))).all()


def test_the_larger_area_forgives_more() -> None:
    truth = people(1)
    xy = truth.copy()
    xy[0, LEFT, 1] += off(0.6, LEFT)
    assert classify(found(truth, xy), ["a"], np.array([AREA]))[0, LEFT] == JITTER
    assert classify(found(truth, xy), ["a"], np.array([AREA / 4]))[0, LEFT] == MISS
    assert classify(found(truth, xy), ["a"], np.array([4 * AREA]))[0, LEFT] == GOOD


def test_table_and_picture_have_a_row_for_every_keypoint_with_labels(tmp_path: Path) -> None:
    from training.runs.progress import write_picture

    kinds = np.array([[GOOD, -1, MISS], [GOOD, -1, JITTER]], np.int8)
    names = ("snout", "ear", "paw")
    lines = error_table(kinds, names)
    assert lines[2] == f"| keypoint | {' | '.join(KINDS)} |"
    assert lines[4:] == [
        "| snout | 100.0 | 0.0 | 0.0 | 0.0 | 0.0 |",
        "| paw | 0.0 | 50.0 | 0.0 | 0.0 | 50.0 |",
        "| all | 50.0 | 25.0 | 0.0 | 0.0 | 25.0 |",
    ]
    picture = error_chart(kinds, names, title="a title")
    write_picture(picture, tmp_path / "e.png")
    assert look_at(tmp_path / "e.png").shape == picture.shape
    bar = picture[56 + 10]  # the first row's middle: all good
    width = int((bar == picture[32 + 5, 8 * 5 + 16 + 5]).all(axis=1).sum())
    assert width == 480


def pose(x: float, score: float, *, image: int = 1, area: float = AREA) -> dict[str, Any]:
    flat = np.column_stack((np.full(K, x), np.arange(K), np.ones(K))).ravel()
    return {"image_id": image, "keypoints": flat.tolist(), "score": score, "area": area}


def test_of_poses_that_are_alike_the_best_is_left() -> None:
    poses = [pose(0, 0.5), pose(1, 0.9), pose(500, 0.1), pose(0, 0.2, image=2)]
    left = suppress(poses, sigmas=COCO17.sigmas, threshold=0.9)
    assert left == [poses[1], poses[2], poses[3]]
    assert suppress(poses, sigmas=COCO17.sigmas, threshold=1.0) == poses
    assert suppress([], sigmas=COCO17.sigmas, threshold=0.9) == []


def test_the_similarity_of_two_poses_is_cocos_with_the_mean_of_their_areas() -> None:
    a, b = pose(0, 0.9, area=2 * AREA), pose(30, 0.5, area=AREA)
    oks = np.mean([math.exp(-(30.0**2) / (2 * 1.5 * AREA * (2 * s) ** 2)) for s in COCO17.sigmas])
    limit = float(oks)
    assert len(suppress([a, b], sigmas=COCO17.sigmas, threshold=limit - 1e-6)) == 1
    assert len(suppress([a, b], sigmas=COCO17.sigmas, threshold=limit + 1e-6)) == 2
