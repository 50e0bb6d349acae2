"""Crops of a whole batch lie where crops placed one by one do, and as often."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from steadypose.engines.skeletons.people import COCO17
from tests.training.resident.cut import CutOut
from training.examples.augment import Augment, end_frame, is_beyond, place, place_randomly
from training.examples.augment import Placement as One
from training.examples.resident.people import People, people_of
from training.examples.resident.placing import (
    Placements,
    are_beyond,
    are_cut,
    end_frames,
    mirrored,
    place_boxes,
    place_people,
)
from training.examples.sample import Sample

SIZE = (96, 64)


def some(count: int = 40) -> tuple[list[Sample], People]:
    data = CutOut(count=count)
    samples = [data.sample(row) for row in range(count)]
    return samples, people_of(samples, [s.image_bgr.shape[:2] for s in samples])


def one_of(placements: Placements, n: int) -> One:
    return One(
        placements.linear[n],
        placements.offset[n],
        float(placements.scale[n]),
        bool(placements.is_flipped[n]),
    )


def drawn(people: People, augment: Augment, *, seed: int = 0) -> Placements:
    rng = np.random.default_rng(seed)
    return place_people(people, COCO17, size_hw=SIZE, padding=1.25, augment=augment, rng=rng)


def test_boxes_are_placed_as_one_by_one() -> None:
    samples, people = some()
    rng = np.random.default_rng(3)
    n = len(samples)
    angle, zoom, flip = rng.uniform(-60, 60, n), rng.uniform(0.6, 1.7, n), rng.random(n) < 0.5
    shift = rng.normal(0, 0.1, (n, 2))
    bbox = people.bbox.copy()
    bbox[0, 2:] = bbox[0, :2]  # a point alone still has a crop
    placed = place_boxes(
        bbox, size_hw=SIZE, padding=1.3, angle_deg=angle, zoom=zoom, shift_xy=shift, is_flipped=flip
    )
    points = placed.to_crops(people.xy)
    for i in range(n):
        one = place(
            bbox[i].astype(np.float32), size_hw=SIZE, padding=1.3, angle_deg=angle[i],
            zoom=zoom[i], shift_xy=(shift[i, 0], shift[i, 1]), is_flipped=bool(flip[i]),
        )  # fmt: skip
        np.testing.assert_allclose(placed.linear[i], one.linear, atol=1e-9)
        np.testing.assert_allclose(placed.offset[i], one.offset, atol=1e-6)
        assert placed.scale[i] == pytest.approx(one.scale)
        np.testing.assert_allclose(points[i], one.to_crop(samples[i].xy), atol=1e-3)


@pytest.mark.parametrize("share", ["half_body", "rotation_share", "flip", "scale", "shift"])
def test_placements_are_spread_as_those_drawn_one_by_one(share: str) -> None:
    samples, people = some(8)
    still = Augment(scale=0, shift=0, rotation_share=0, flip=0, half_body=0)
    augment = replace(still, **{share: getattr(Augment(), share)})
    rng = np.random.default_rng(1)
    turns = 250
    one = [
        place_randomly(s, COCO17, size_hw=SIZE, padding=1.25, augment=augment, rng=rng)
        for s in samples
        for _ in range(turns)
    ]
    many = drawn(people.of(np.repeat(np.arange(8), turns)), augment)
    angle = np.arctan2([p.linear[0, 1] for p in one], [p.linear[1, 1] for p in one])
    angles = np.arctan2(many.linear[:, 0, 1], many.linear[:, 1, 1])
    middle = (SIZE[1] / 2, SIZE[0] / 2)

    sideways = [(p.linear @ middle + p.offset)[0] for p in one]
    for a, b, tolerance in (
        (angle, angles, 0.06),
        (np.log([p.scale for p in one]), np.log(many.scale), 0.06),
        (np.array(sideways), (many.linear @ middle + many.offset)[:, 0], 4.0),
    ):
        parts = [np.quantile(values, [0.2, 0.5, 0.8]) for values in (a, b)]
        np.testing.assert_allclose(parts[0], parts[1], atol=tolerance)
        assert a.mean() == pytest.approx(b.mean(), abs=tolerance)
        assert a.std() == pytest.approx(b.std(), abs=tolerance)
    flipped = np.mean([p.is_flipped for p in one])
    assert many.is_flipped.mean() == pytest.approx(flipped, abs=0.04)


def test_half_bodies_are_halves_where_enough_is_known() -> None:
    _, people = some(30)
    always = Augment(half_body=1.0, scale=0, shift=0, rotation_share=0, flip=0)
    whole = drawn(people, replace(always, half_body=0.0))
    scales = np.array([drawn(people, always, seed=seed).scale for seed in range(40)])
    assert (scales.min(axis=0) <= whole.scale + 1e-9).all()
    assert max(len(set(np.round(column, 6))) for column in scales.T) == 2
    few = replace(people, is_known=people.is_known & (np.arange(17) < 3))
    np.testing.assert_allclose(drawn(few, always).scale, whole.scale)


def test_keypoints_outside_are_those_that_are_outside_one_by_one() -> None:
    samples, people = some()
    placed = drawn(people, Augment())
    ours = mirrored(are_beyond(people), placed.is_flipped, COCO17.flip_order)
    for n, sample in enumerate(samples):
        np.testing.assert_array_equal(ours[n], is_beyond(sample, one_of(placed, n), COCO17))
    assert 0 < ours.mean() < 0.5


def test_frames_end_as_often_and_as_deep_as_one_by_one() -> None:
    count = 3000
    rng = np.random.default_rng(0)
    augment = Augment(edge=0.5)
    kept = end_frames(count, size_hw=SIZE, augment=augment, rng=rng)
    xy = np.stack((rng.uniform(-20, 84, (count, 5)), rng.uniform(-20, 116, (count, 5))), axis=2)
    cut = are_cut(xy, kept, size_hw=SIZE)
    theirs, shown = [], []
    for points in xy:
        crop = np.full((*SIZE, 3), 255, np.uint8)
        theirs.append(end_frame(crop, points.astype(np.float32), augment, rng))
        shown.append((crop.any(axis=(1, 2)).mean(), crop.any(axis=(0, 2)).mean()))
    height, width = (kept[:, 3] - kept[:, 1]) / SIZE[0], (kept[:, 2] - kept[:, 0]) / SIZE[1]
    tall, wide = np.array(shown).T
    assert cut.mean() == pytest.approx(np.mean(theirs), abs=0.02)
    assert (height < 1).mean() == pytest.approx((tall < 1).mean(), abs=0.04)
    assert (width < 1).mean() == pytest.approx((wide < 1).mean(), abs=0.04)
    assert height.mean() == pytest.approx(tall.mean(), abs=0.02)
    assert width.mean() == pytest.approx(wide.mean(), abs=0.02)


def test_what_lies_beyond_a_frames_end_is_cut() -> None:
    xy = np.array([[[10.0, 59.4], [10.0, 59.6], [-30.0, 5.0], [70.0, 5.0]]] * 2)
    below, left = (0, 0, 64, 60), (12, 0, 64, 96)
    cut = are_cut(xy, np.array((below, left)), size_hw=SIZE)
    assert cut.tolist() == [[False, True, False, False], [True, True, True, False]]
    for axis, kept in ((1, below), (0, left)):
        at = kept[3] if axis else kept[0]
        is_beyond_there = xy[0, :, axis] > at - 0.5 if axis else xy[0, :, axis] < at - 0.5
        np.testing.assert_array_equal(cut[0 if axis else 1], is_beyond_there)
