"""Where text over the picture lies, to the pixel: as OpenCV measures its letters here."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from steadypose.realtime.app.draw import Style, draw_hud, draw_poses
from tests.conftest import make_pose
from tests.realtime.app.test_hud import GROUND, HW, LINES, RED, is_red, written
from tests.support.pictures import extent, ink_of, ink_sum

FONT = cv2.FONT_HERSHEY_SIMPLEX
TEXT, MARGIN = 0.8, 10  # OpenCV's scale and pixels, of a picture of 720 rows


def box_of(image: NDArray[np.uint8]) -> tuple[int, int, int, int]:
    return extent((image != GROUND).any(axis=2))


def size_of(text: str, scale: float, thickness: int) -> tuple[int, int]:
    (width, height), _ = cv2.getTextSize(text, FONT, scale, thickness)
    return width, height


def test_a_box_is_as_wide_as_its_longest_line_with_a_margin_on_each_side() -> None:
    widest = max(size_of(line, TEXT, 1)[0] for line in LINES)
    left, top, right, bottom = box_of(written())
    assert (left, top) == (MARGIN, MARGIN)
    assert right + 1 - left == widest + 2 * MARGIN
    assert bottom + 1 - top == len(LINES) * round(34 * TEXT) + MARGIN


def test_a_message_is_centred_and_begins_at_85_hundredths_of_the_height() -> None:
    text = "recording to out/a.csv"
    left, top, right, _ = box_of(written((), message=text))
    width, _ = size_of(text, TEXT, 1)
    assert left == (HW[1] - width) // 2 - MARGIN
    assert right + 1 - left == width + 2 * MARGIN
    assert top == round(0.85 * HW[0])


@pytest.mark.parametrize("hw", [(180, 240), HW, (1080, 1920), (2160, 3840)])
def test_an_alert_is_centred_in_a_banner_of_twice_its_letters_height(hw: tuple[int, int]) -> None:
    image, style = written((), hw=hw, alert="camera lost"), Style.for_size(hw)
    thickness = {180: 1, 720: 2, 1080: 2, 2160: 5}[hw[0]]
    width, height = size_of("camera lost", 1.2 * style.text, thickness)
    left, top, right, bottom = extent(is_red(image))
    assert (left, right) == (0, hw[1] - 1)
    assert top == hw[0] // 2 - height - style.margin
    assert bottom == hw[0] // 2 + height + style.margin
    first = np.full_like(image, RED)
    at = ((hw[1] - width) // 2, hw[0] // 2 + height // 2)
    cv2.putText(
        first, "camera lost", at, FONT, 1.2 * style.text, (255,) * 3, thickness, cv2.LINE_AA
    )
    assert extent(ink_of(image)) == pytest.approx(extent(ink_of(first)), abs=1)
    assert ink_sum(image) == pytest.approx(ink_sum(first), rel=0.25)


def test_an_alert_that_is_wider_than_the_picture_begins_at_its_edge() -> None:
    image = written((), hw=(180, 240), alert="the camera is lost, " * 3)
    left, _, right, _ = extent(ink_of(image))
    assert left <= 2
    assert right > 235


def test_a_banner_that_is_higher_than_the_picture_covers_it() -> None:
    image = np.full((16, 320, 3), GROUND, np.uint8)
    draw_hud(image, (), alert="camera lost")
    assert (image != GROUND).any(axis=2).all()


@pytest.mark.parametrize(("x", "y"), [(-3.0, -3.0), (1279.0, 719.0), (0.0, 700.0)])
def test_a_tag_at_the_edge_ends_with_the_picture(x: float, y: float) -> None:
    """Its box is moved inside, and no further."""
    image = np.full((*HW, 3), 200, np.uint8)
    pose = make_pose(track_id=1)
    pose.xy[:] = x, y
    draw_poses(image, [pose])
    left, top, right, _ = extent((image == 80).all(axis=2))  # 0.4 of 200
    assert left == 0 if x < 100 else right == HW[1] - 1
    assert top == 0 if y < 0 else top > 0
