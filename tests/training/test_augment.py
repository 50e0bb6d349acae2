"""Augmentation moves keypoints with their pixels, and keeps left and right true."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from steadypose.engines.skeletons.people import COCO17
from training.datasets.mannequin import MannequinDataset
from training.examples.augment import Augment, place, place_randomly, warp
from training.examples.disturb import disturb
from training.examples.sample import Sample

OFF = Augment(
    scale=0, shift=0, rotation_share=0, flip=0, half_body=0, occluder=0, blur=0, jpeg=0,
    colour=0, grey=0, noise=0,
)  # fmt: skip


def spots(*, size: int) -> Sample:
    """Keypoint k is a soft spot of its own at a known place on black."""
    rng = np.random.default_rng(5)
    xy = rng.uniform(0.25 * size, 0.75 * size, (17, 2)).astype(np.float32)
    image = np.zeros((size, size, 3), np.uint8)
    known = np.ones(17, np.bool_)
    return Sample("spots", image, xy, known, known, np.array((*xy.min(0), *xy.max(0)), np.float32))


@given(
    angle=st.floats(-60, 60),
    zoom=st.floats(0.7, 1.6),
    is_flipped=st.booleans(),
    size=st.sampled_from([90, 240, 700]),
)
def test_a_spot_is_found_where_its_keypoint_says(
    *, angle: float, zoom: float, is_flipped: bool, size: int
) -> None:
    sample = spots(size=size)
    k = 7
    x, y = sample.xy[k]
    yy, xx = np.mgrid[:size, :size]
    spread = 0.03 * size
    spot = 250 * np.exp(-((xx - x) ** 2 + (yy - y) ** 2) / (2 * spread**2))
    sample.image_bgr[:] = spot[..., None].astype(np.uint8)
    placed = place(
        sample.bbox,
        size_hw=(128, 96),
        padding=1.25,
        angle_deg=angle,
        zoom=zoom,
        is_flipped=is_flipped,
    )
    crop, xy, is_known = warp(sample, placed, COCO17, size_hw=(128, 96))
    said = xy[COCO17.flip_order[k] if is_flipped else k]
    weight = crop[..., 0].astype(np.float64)
    if not (16 < said[0] < 80 and 16 < said[1] < 112):
        return  # the spot is cut off at the edge
    cy, cx = np.mgrid[:128, :96]
    near = np.hypot(cx - said[0], cy - said[1]) < 3 * spread / placed.scale
    weight = weight * near
    found = np.array(((cx * weight).sum(), (cy * weight).sum())) / weight.sum()
    np.testing.assert_allclose(found, said, atol=0.35)
    assert is_known.all()


def test_without_augmentation_the_crop_is_the_apps_crop() -> None:
    from training.measures.measure import crop_of

    sample = MannequinDataset(count=9).sample(7)
    rng = np.random.default_rng(0)
    placed = place_randomly(sample, COCO17, size_hw=(128, 96), padding=1.25, augment=OFF, rng=rng)
    ours, xy, _ = warp(sample, placed, COCO17, size_hw=(128, 96))
    apps, transform = crop_of(sample.image_bgr, sample.bbox, size_hw=(128, 96), padding=1.25)
    # The app cuts on whole pixels, so the two differ by less than one of them.
    np.testing.assert_allclose(xy, transform.to_crop(sample.xy), atol=1.0 / placed.scale + 0.6)
    assert np.abs(ours.astype(int) - apps.astype(int)).mean() < 12


def test_mirroring_swaps_left_and_right() -> None:
    sample = MannequinDataset(count=9).sample(2)
    straight = place(sample.bbox, size_hw=(128, 96), padding=1.25)
    mirrored = place(sample.bbox, size_hw=(128, 96), padding=1.25, is_flipped=True)
    a, a_xy, _ = warp(sample, straight, COCO17, size_hw=(128, 96))
    b, b_xy, _ = warp(sample, mirrored, COCO17, size_hw=(128, 96))
    assert np.abs(a[:, ::-1].astype(int) - b.astype(int)).max() <= 2
    left, right = COCO17.index("left_wrist"), COCO17.index("right_wrist")
    np.testing.assert_allclose(b_xy[right], (95 - a_xy[left][0], a_xy[left][1]), atol=1e-3)


def test_half_bodies_are_halves() -> None:
    sample = MannequinDataset(count=9).sample(2)
    rng = np.random.default_rng(1)
    always = Augment(half_body=1.0, scale=0, shift=0, rotation_share=0, flip=0)
    scales = set()
    for _ in range(60):
        placed = place_randomly(
            sample, COCO17, size_hw=(128, 96), padding=1.25, augment=always, rng=rng
        )
        scales.add(round(placed.scale, 4))
    whole = place(sample.bbox, size_hw=(128, 96), padding=1.25).scale
    assert len(scales) == 2  # the upper and the lower half
    assert min(scales) < 0.8 * whole


@pytest.mark.parametrize("changed", ["occluder", "blur", "jpeg", "colour", "grey", "noise"])
def test_each_disturbance_changes_pixels_and_none_of_them_does_not(changed: str) -> None:
    sample = MannequinDataset(count=9).sample(2)
    crop = cv2.resize(sample.image_bgr, (96, 128))
    other = np.full_like(crop, 7)
    untouched = disturb(crop.copy(), other, OFF, np.random.default_rng(0))
    np.testing.assert_array_equal(untouched, crop)
    strength = {name: getattr(OFF, name) for name in Augment.__dataclass_fields__}
    strong = Augment(**{**strength, changed: 1.0})
    for seed in range(6):
        result = disturb(crop.copy(), other, strong, np.random.default_rng(seed))
        assert result.shape == crop.shape
        assert result.dtype == np.uint8
        assert (result != crop).any()
