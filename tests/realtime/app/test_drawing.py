"""What people see, pixel by pixel where it matters."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from steadypose.engines.skeletons.people import COCO17
from steadypose.realtime.app.display import NullDisplay, open_display, why_headless
from steadypose.realtime.app.draw import LEFT, RIGHT, Style, draw_hud, draw_poses, mirrored
from steadypose.realtime.datatypes import Pose, State
from tests.conftest import make_pose

HW = (240, 320)


def canvas() -> NDArray[np.uint8]:
    return np.zeros((*HW, 3), np.uint8)


def spread_pose() -> Pose:
    pose = make_pose()
    pose.xy[:, 0] = 30 + 16 * np.arange(17)
    pose.xy[:, 1] = 100 + 60 * (np.arange(17) % 2)
    pose.score[:] = 0.9
    return pose


def at(image: NDArray[np.uint8], pose: Pose, name: str) -> tuple[int, ...]:
    x, y = pose.xy[COCO17.index(name)].astype(int)
    return tuple(int(v) for v in image[y, x])


def test_left_and_right_have_their_own_colours() -> None:
    pose, image = spread_pose(), canvas()
    draw_poses(image, [pose])
    assert at(image, pose, "left_wrist") == LEFT
    assert at(image, pose, "right_wrist") == RIGHT


def test_mirroring_moves_the_drawing_and_keeps_the_persons_left() -> None:
    pose = spread_pose()
    plain, mirror = canvas(), canvas()
    draw_poses(plain, [pose])
    draw_poses(mirror, [pose], is_mirrored=True)
    x, y = pose.xy[COCO17.index("left_wrist")].astype(int)
    assert tuple(int(v) for v in mirror[y, HW[1] - 1 - x]) == LEFT
    np.testing.assert_array_equal(mirrored(mirrored(plain)), plain)


def test_a_lost_keypoint_is_not_drawn_and_a_predicted_one_is_hollow() -> None:
    pose, image = spread_pose(), canvas()
    wrist, ankle = COCO17.index("left_wrist"), COCO17.index("right_ankle")
    pose.xy[wrist] = np.nan
    pose.state[wrist] = State.LOST
    pose.state[ankle] = State.PREDICTED
    draw_poses(image, [pose])
    other = canvas()
    draw_poses(other, [spread_pose()])
    counts = [int((picture == LEFT).all(axis=2).sum()) for picture in (image, other)]
    assert counts[0] < counts[1] - 10
    x, y = spread_pose().xy[ankle].astype(int)
    assert int(image[y, x].max()) < int(other[y, x].max())


def test_an_unsure_keypoint_is_darker() -> None:
    sure, unsure = spread_pose(), spread_pose()
    unsure.score[:] = 0.2
    bright, dark = canvas(), canvas()
    draw_poses(bright, [sure])
    draw_poses(dark, [unsure])
    assert sum(at(dark, unsure, "nose")) < sum(at(bright, sure, "nose"))


@pytest.mark.parametrize("wild", [1e9, -1e9, 1e5])
@pytest.mark.parametrize("axes", [[0], [1], [0, 1]])
def test_a_wild_prediction_cannot_break_the_drawing(wild: float, axes: list[int]) -> None:
    pose, image = spread_pose(), canvas()
    pose.xy[3, axes] = wild
    draw_poses(image, [pose])
    assert image.any()


@pytest.mark.parametrize(
    ("hw", "keypoints", "style"),
    [
        ((16, 16), 17, (1, 2, 0.35, 4)),  # as small as it can be
        ((360, 640), 17, (2, 3, 0.4, 5)),
        ((720, 1280), 40, (4, 6, 0.8, 10)),
        ((1920, 1080), 17, (6, 8, 1.2, 15)),
        ((720, 1280), 41, (2, 3, 0.8, 10)),  # faces and fingers lie close together
        ((120, 160), 133, (1, 1, 0.35, 4)),
    ],
)
def test_lines_and_dots_are_as_large_as_the_picture_needs(
    hw: tuple[int, int], keypoints: int, style: tuple[int, int, float, int]
) -> None:
    made = Style.for_size(hw, keypoints)
    assert (made.line, made.dot, made.text, made.margin) == style


def test_text_and_lines_grow_with_the_picture() -> None:
    small, large = Style.for_size((240, 320)), Style.for_size((1080, 1920))
    assert large.line > small.line
    assert large.dot > small.dot
    assert large.text > 2 * small.text


@pytest.mark.parametrize("hw", [(16, 16), (60, 2000), (1080, 1920)])
def test_the_hud_fits_any_picture(hw: tuple[int, int]) -> None:
    image = np.zeros((*hw, 3), np.uint8)
    draw_hud(image, ["30 fps", "12 ms old"], alert="camera lost", is_recording=True, has_help=True)
    assert image.any()


def test_without_a_display_the_reason_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.setattr("platform.system", lambda: "Linux")
    display, reason = open_display(is_headless=False)
    assert isinstance(display, NullDisplay)
    assert reason is not None
    assert "DISPLAY" in reason
    display.show(canvas())
    assert display.pressed() == []
    display.close()


def test_a_dead_display_is_noticed_before_qt_aborts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.system", lambda: "Linux")
    monkeypatch.setattr("steadypose.realtime.app.display.gui_backend", lambda: "QT5")
    monkeypatch.setenv("DISPLAY", ":4711")
    assert "does not answer" in str(why_headless())


def test_opencv_without_windows_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("steadypose.realtime.app.display.gui_backend", lambda: "NONE")
    assert "headless" in str(why_headless())
    assert open_display(is_headless=True)[1] == "--headless"
