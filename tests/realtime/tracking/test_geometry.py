"""What must hold for every crop, box and pose."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from steadypose.engines.errors import ShapeError
from steadypose.engines.skeletons.people import COCO17
from steadypose.engines.skeletons.skeleton import Skeleton
from steadypose.realtime.datatypes import BBox
from steadypose.realtime.sources.mannequin_motion import pose_at
from steadypose.realtime.tracking.association import oks_matrix
from steadypose.realtime.tracking.boxes import settle, widen, within
from steadypose.realtime.tracking.crop import CropTransform, cut, place_crop
from steadypose.realtime.tracking.framing import Framing
from steadypose.realtime.tracking.search_windows import MOST_WINDOWS, scan_windows

Floats = NDArray[np.float64]
SIZE = (128, 96)
SIGMAS = np.array(COCO17.sigmas)
numbers = st.floats(-2000, 4000, allow_nan=False)
points = arrays(np.float64, (17, 2), elements=numbers)


@st.composite
def boxes(draw: st.DrawFn) -> BBox:
    x, y = draw(st.floats(-500, 2000)), draw(st.floats(-500, 2000))
    w, h = draw(st.floats(4, 3000)), draw(st.floats(4, 3000))
    return BBox(x, y, x + w, y + h)


@given(boxes(), points)
def test_frame_to_crop_and_back_is_identity(box: BBox, xy: Floats) -> None:
    place = place_crop(box, size_hw=SIZE, padding=1.25)
    np.testing.assert_allclose(place.to_frame(place.to_crop(xy)), xy, atol=1e-6)


@given(boxes())
def test_the_middle_of_a_crop_is_the_middle_of_its_window_and_of_its_box(box: BBox) -> None:
    place = place_crop(box, size_hw=SIZE, padding=1.25)
    middle = np.array((place.left + place.width / 2 - 0.5, place.top + place.height / 2 - 0.5))
    np.testing.assert_allclose(place.to_frame(np.array((47.5, 63.5))), middle, atol=1e-6)
    step = 1 << place.halvings
    assert np.abs(middle - box.center_xy).max() <= 0.5 * step + 1e-6


@given(boxes(), points)
def test_keypoints_are_moved_to_the_frame_as_points_are(box: BBox, xy: Floats) -> None:
    place = place_crop(box, size_hw=SIZE, padding=1.25)
    keypoints = np.column_stack((xy, np.linspace(0, 1, 17)))
    place.move_to_frame(keypoints)
    np.testing.assert_allclose(keypoints[:, :2], place.to_frame(xy), atol=1e-6)
    np.testing.assert_array_equal(keypoints[:, 2], np.linspace(0, 1, 17))


@given(boxes())
def test_a_crop_holds_the_padded_box_and_keeps_its_shape(box: BBox) -> None:
    place = place_crop(box, size_hw=SIZE, padding=1.25)
    step = 1 << place.halvings
    assert place.width % step == 0
    assert place.left % step == 0
    # Rounding to the step moves each edge by at most one step.
    assert place.left <= box.x1 - 0.125 * box.width + 1.5 * step
    assert place.left + place.width >= box.x2 + 0.125 * box.width - 1.5 * step
    assert abs(place.height - place.width * 4 / 3) <= 1.2 * step
    assert place.width / SIZE[1] < 2 * step + 1


@given(boxes())
def test_no_detail_that_the_network_could_see_is_averaged_away(box: BBox) -> None:
    place = place_crop(box, size_hw=SIZE, padding=1.25)
    cells = place.width / (1 << place.halvings)
    assert place.halvings == 0 or cells >= SIZE[1] - 0.5
    assert cells <= 2 * SIZE[1] + 0.5


@pytest.mark.parametrize(
    ("width", "halvings"), [(40, 0), (96, 0), (190, 0), (192, 1), (380, 1), (384, 2), (767, 2)]
)
def test_a_crop_is_halved_only_where_the_network_would_skip_pixels(
    width: int, halvings: int
) -> None:
    box = BBox(0.0, 0.0, float(width), 10.0)
    assert place_crop(box, size_hw=SIZE, padding=1.0).halvings == halvings


def test_a_crop_may_be_as_small_as_a_pixel() -> None:
    place = place_crop(BBox(10.0, 20.0, 11.0, 20.5), size_hw=SIZE, padding=1.0)
    assert (place.left, place.top, place.width, place.height) == (10, 20, 1, 1)


@given(st.integers(0, 40), st.integers(0, 40))
def test_moving_box_and_picture_together_changes_nothing(dx: int, dy: int) -> None:
    rng = np.random.default_rng(3)
    picture = rng.integers(0, 256, (200, 200, 3), dtype=np.uint8)
    large = np.zeros((300, 300, 3), np.uint8)
    # Steps of 4 pixels: the largest halving step of this crop.
    large[dy * 2 : dy * 2 + 200, dx * 2 : dx * 2 + 200] = picture
    box = BBox(40, 30, 140, 170)
    moved = BBox(40 + dx * 2, 30 + dy * 2, 140 + dx * 2, 170 + dy * 2)
    results = []
    for image, where in ((picture, box), (large, moved)):
        out = np.empty((*SIZE, 3), np.uint8)
        cut(image, place_crop(where, size_hw=SIZE, padding=1.0), out)
        results.append(out)
    np.testing.assert_array_equal(results[0], results[1])


@pytest.mark.parametrize("scale", [0.3, 0.8, 1.0, 1.7, 2.0, 3.3, 4.6, 9.1])
@pytest.mark.parametrize("shift", [(0.0, 0.0), (-0.4, 0.0), (0.35, -0.3)])
def test_a_dot_in_the_frame_is_found_where_the_transform_says(
    scale: float, shift: tuple[float, float]
) -> None:
    """The pixels and the arithmetic agree, inside, at the border and beyond it."""
    width, height = int(96 * scale), int(128 * scale)
    image = np.zeros((max(200, height), max(200, width), 3), np.uint8)
    cx = image.shape[1] / 2 + shift[0] * width
    cy = image.shape[0] / 2 + shift[1] * height
    box = BBox(cx - width / 2, cy - height / 2, cx + width / 2, cy + height / 2)
    place = place_crop(box, size_hw=SIZE, padding=1.0)
    middle = (
        np.clip(place.left + place.width * 0.5, 0, image.shape[1] - 1),
        np.clip(place.top + place.height * 0.5, 0, image.shape[0] - 1),
    )
    yy, xx = np.mgrid[: image.shape[0], : image.shape[1]]
    spread = max(2.0, 2.5 * scale)
    blob = 255 * np.exp(-((xx - middle[0]) ** 2 + (yy - middle[1]) ** 2) / (2 * spread**2))
    image[...] = blob[..., None].astype(np.uint8)
    out = np.empty((*SIZE, 3), np.uint8)
    cut(image, place, out)
    mass = out[..., 0].astype(float)
    assert mass.sum() > 0
    peak = np.unravel_index(int(mass.argmax()), mass.shape)
    wanted = place.to_crop(np.array(middle))
    assert abs(peak[1] - wanted[0]) <= 1.6
    assert abs(peak[0] - wanted[1]) <= 1.6


def test_outside_the_frame_is_black() -> None:
    image = np.full((100, 100, 3), 255, np.uint8)
    out = np.full((*SIZE, 3), 7, np.uint8)
    cut(image, place_crop(BBox(500, 500, 600, 640), size_hw=SIZE, padding=1.0), out)
    assert out.max() == 0


def test_a_person_of_whom_a_sliver_is_in_the_picture_is_a_black_crop() -> None:
    image = np.full((401, 401, 3), 255, np.uint8)
    for box in (BBox(399.5, 0, 699.5, 400), BBox(0, 399.5, 300, 799.5)):
        place = place_crop(box, size_hw=SIZE, padding=1.0)
        assert place.halvings > 0
        out = np.full((*SIZE, 3), 7, np.uint8)
        cut(image, place, out)
        assert out.max() == 0


def test_a_fine_pattern_is_averaged_and_not_sampled() -> None:
    image = np.zeros((512, 512, 3), np.uint8)
    image[::2, ::2], image[1::2, 1::2] = 200, 200
    out = np.empty((*SIZE, 3), np.uint8)
    cut(image, place_crop(BBox(64, 0, 448, 512), size_hw=SIZE, padding=1.0), out)
    assert np.abs(out.astype(int) - 100).max() <= 2


def test_a_small_person_is_enlarged_without_steps() -> None:
    image = np.tile(np.arange(0, 250, 5, dtype=np.uint8)[None, :, None], (60, 1, 3))
    out = np.empty((*SIZE, 3), np.uint8)
    cut(image, place_crop(BBox(10, 10, 34, 42), size_hw=SIZE, padding=1.0), out)
    steps = np.diff(out[64, 4:-4, 0].astype(int))
    assert steps.min() >= 0
    assert steps.max() <= 2


def test_halved_pixels_are_means_of_four_also_where_the_frame_is_odd() -> None:
    image = np.random.default_rng(0).integers(0, 256, (129, 97, 3), dtype=np.uint8)
    out = np.empty((65, 49, 3), np.uint8)
    cut(image, CropTransform(0, 0, 98, 130, (65, 49), 1), out)
    blocks = image[:128, :96].reshape(64, 2, 48, 2, 3).astype(float)
    assert np.abs(out[:64, :48] - blocks.mean(axis=(1, 3))).max() <= 1
    assert not out[64:].any(), "half a pixel is none"
    assert not out[:, 48:].any()


def test_a_box_is_moved_and_grows_about_its_middle() -> None:
    assert widen(BBox(10, 20, 30, 60), 3.0, -5.0, by=1.5) == BBox(8, 5, 38, 65)
    assert widen(BBox(10, 20, 30, 60), -3.0, 5.0, by=1.0) == BBox(7, 25, 27, 65)


@pytest.mark.parametrize(
    "box",
    [
        BBox(5, 5, 5, 9),
        BBox(9, 5, 1, 9),
        BBox(0, 0, np.nan, 5),
        BBox(5, 5, 9, 5),
        BBox(5, 9, 9, 1),
        BBox(0, 0, 5, np.nan),
        BBox(0, 0, np.inf, 5),
        BBox(0, 0, 5, np.inf),
    ],
)
def test_a_box_without_area_is_refused(box: BBox) -> None:
    with pytest.raises(ShapeError, match="no usable area"):
        place_crop(box, size_hw=SIZE, padding=1.25)


@given(points, st.floats(100, 1e6))
def test_oks_of_a_pose_with_itself_is_one(xy: Floats, area: float) -> None:
    alike = oks_matrix(xy[None], xy[None], np.ones((1, 17)), np.array([area]), SIGMAS)
    assert alike[0, 0] == pytest.approx(1.0)


@given(points, points, st.floats(100, 1e6))
def test_oks_lies_between_zero_and_one(a: Floats, b: Floats, area: float) -> None:
    alike = oks_matrix(a[None], b[None], np.ones((1, 17)), np.array([area]), SIGMAS)
    assert 0.0 <= alike[0, 0] <= 1.0


def test_oks_equals_the_coco_formula_by_hand() -> None:
    a = np.zeros((1, 17, 2))
    b = a.copy()
    b[0, 0] = (3.0, 4.0)
    area = np.array([1000.0])
    one = np.exp(-25.0 / (2 * 1000.0 * (2 * 0.026) ** 2))
    alike = oks_matrix(a, b, np.ones((1, 17)), area, SIGMAS)
    assert alike[0, 0] == pytest.approx((16 + one) / 17)


def test_a_keypoint_that_is_seen_half_as_well_counts_half_as_much() -> None:
    a, b = np.zeros((1, 17, 2)), np.zeros((1, 17, 2))
    b[0, 0] = 1e6
    weight = np.full((1, 17), 0.8)
    weight[0, 0] = 0.4
    alike = oks_matrix(a, b, weight, np.array([100.0]), SIGMAS)
    assert alike[0, 0] == pytest.approx(16 / 16.5)


def test_somebody_of_whom_one_keypoint_is_half_seen_is_like_himself() -> None:
    weight = np.zeros((2, 17))
    weight[0, 5] = 0.4
    place = np.zeros((1, 17, 2))
    alike = oks_matrix(place, place.repeat(2, axis=0), weight, np.array([100.0]), SIGMAS)
    np.testing.assert_allclose(alike, [[1.0, 0.0]])


def test_oks_of_a_lost_keypoint_is_zero_and_spreads_no_nan() -> None:
    a = np.zeros((1, 17, 2))
    a[0, 3] = np.nan
    alike = oks_matrix(a, np.zeros((1, 17, 2)), np.ones((1, 17)), np.array([100.0]), SIGMAS)
    assert alike[0, 0] == pytest.approx(16 / 17)


@given(st.integers(48, 2200), st.integers(48, 2200))
def test_scan_windows_cover_every_point_of_the_frame(height: int, width: int) -> None:
    assume(max(height, width) / min(height, width) < 4)
    windows = scan_windows((height, width), SIZE)
    for share_x in (0.02, 0.33, 0.5, 0.77, 0.98):
        for share_y in (0.02, 0.33, 0.5, 0.77, 0.98):
            x, y = share_x * width, share_y * height
            small = windows[1:]
            assert any(w.x1 <= x <= w.x2 and w.y1 <= y <= w.y2 for w in small)


def test_a_16_to_9_frame_has_17_windows_and_the_whole_frame_is_first() -> None:
    windows = scan_windows((360, 640), SIZE)
    assert len(windows) == 17
    assert (windows[0].width, windows[0].height) == (640, 360)


def test_a_box_needs_three_keypoints() -> None:
    xy = np.arange(34.0).reshape(17, 2)
    used = np.zeros(17, bool)
    used[[0, 1]] = True
    framing = Framing(COCO17)
    assert framing.box(xy, used, (400, 400)) is None
    used[2] = True
    assert framing.box(xy, used, (400, 400)) == BBox(0, 1, 4, 5)


def test_a_single_keypoint_has_the_middle_of_a_quarter_of_the_pictures_shorter_side() -> None:
    one = Framing(Skeleton("one", ("tip",), (), (), (0.1,)))
    xy, used = np.array([[300.0, 200.0]]), np.ones(1, np.bool_)
    assert one.box(xy, used, (400, 800)) == BBox(250, 150, 350, 250)


def test_a_whole_person_is_boxed_tightly() -> None:
    xy = pose_at(0.0) * 200 + (300, 250)
    box = Framing(COCO17).box(xy, np.ones(17, bool), (300, 600))
    assert box == BBox(*xy.min(axis=0), *xy.max(axis=0))


def test_the_box_of_a_face_and_shoulders_reaches_for_arms_and_hips() -> None:
    xy = pose_at(0.0) * 200 + (300, 250)
    seen = np.zeros(17, bool)
    seen[:7] = True
    box = Framing(COCO17).box(xy, seen, (300, 600))
    assert box is not None
    shoulders = xy[5:7]
    assert box.y2 > shoulders[:, 1].max() + 0.15 * 200
    assert box.x1 < shoulders[:, 0].min() - 0.1 * 200
    low = Framing(COCO17).box(xy, seen, (int(shoulders[0, 1]) + 10, 600))
    assert low is not None
    assert low.y2 <= shoulders[0, 1] + 10  # not below the picture


@given(points, st.lists(st.booleans(), min_size=17, max_size=17))
def test_the_box_always_holds_what_is_used(xy: Floats, used: list[bool]) -> None:
    mask = np.array(used)
    box = Framing(COCO17).box(xy, mask, (480, 640))
    if mask.sum() >= 3:
        assert box is not None
        assert (box.x1 <= xy[mask, 0]).all()
        assert (box.y1 <= xy[mask, 1]).all()
        assert (box.x2 >= xy[mask, 0]).all()
        assert (box.y2 >= xy[mask, 1]).all()


@given(boxes(), boxes())
def test_settle_lies_between_and_within_keeps_near(box: BBox, target: BBox) -> None:
    assert settle(box, target, 0.0) == box
    moved = settle(box, target, 0.03)
    assert min(box.x1, target.x1) - 1e-6 <= moved.x1 <= max(box.x1, target.x1) + 1e-6
    near = within(moved, (100, 200))
    assert -50 <= near.x1 <= near.x2 <= 250
    assert -25 <= near.y1 <= near.y2 <= 125


@pytest.mark.parametrize(
    "hw", [(17, 4000), (4000, 17), (1, 1), (1, 20_000), (300, 8000), (99, 990)]
)
def test_a_frame_of_any_shape_is_covered_by_a_bounded_number_of_windows(
    hw: tuple[int, int],
) -> None:
    windows = scan_windows(hw, (224, 192))
    assert len(windows) <= MOST_WINDOWS
    height, width = hw
    for x in np.linspace(0, width - 1, 50):
        for y in np.linspace(0, height - 1, 50):
            inside = [b for b in windows[1:] if b.x1 <= x <= b.x2 and b.y1 <= y <= b.y2]
            assert inside, (x, y)


@pytest.mark.parametrize(("hw", "count"), [((100, 900), 87), ((100, 1200), 27), ((60, 6000), 92)])
def test_the_first_search_of_a_panorama_looks_at_fewer_than_a_hundred_windows(
    hw: tuple[int, int], count: int
) -> None:
    """Beyond 9:1 only the large ones are left, and beyond 80:1 these grow."""
    assert len(scan_windows(hw, (256, 192))) == count
