"""Several sources in one window: where each picture and its name are, and who is told what."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from steadypose.realtime.app.display import NullDisplay
from steadypose.realtime.app.grid import Grid, compose
from tests.support.pictures import extent

Picture = NDArray[np.uint8]


def plain(width: int, height: int, grey: int = 100) -> Picture:
    return np.full((height, width, 3), grey, np.uint8)


def inked(canvas: Picture, grey: int = 100) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of what is not plain."""
    left, top, right, bottom = extent((canvas != grey).any(axis=2))
    return left, top, right + 1, bottom + 1


@pytest.mark.parametrize("name", ["a", "kitchen", "a-name-of-sixteen"])
def test_a_name_stands_whole_in_the_right_upper_corner_of_its_picture(name: str) -> None:
    canvas = compose([plain(320, 180)], [name])
    left, top, right, bottom = inked(canvas)
    assert 320 - 12 - 9 * len(name) - 3 <= left < 320 - 9 * len(name)
    assert 320 - 60 < right < 320
    assert 3 <= top < 14
    assert 18 <= bottom < 30


def test_a_name_can_be_read_on_white_and_on_black() -> None:
    for grey in (0, 255):
        canvas = compose([plain(320, 180, grey)], ["kitchen"])[:30, 240:]
        ink = (canvas != grey).any(axis=2)
        assert 100 < ink.sum() < 1500
        assert (np.abs(canvas[ink].astype(int) - grey) > 100).sum() > 100


def test_a_name_is_white_letters_with_a_black_edge() -> None:
    canvas = compose([plain(320, 180, 128)], ["kitchen"]).astype(int)
    assert (canvas == canvas[..., :1]).all(), "no colour but grey"
    assert {0, 255} <= set(np.unique(canvas).tolist())
    assert (canvas[..., 0] > 200).sum() > 60
    assert (canvas[..., 0] < 30).sum() > 60


def test_a_name_begins_twelve_pixels_and_nine_a_letter_before_the_edge() -> None:
    left, *_ = inked(compose([plain(320, 180)], ["mmmm"]))
    assert abs(320 - 12 - 9 * 4 - left) <= 3


def test_each_name_is_on_its_own_picture() -> None:
    canvas = compose([plain(160, 90), plain(160, 90)], ["ab", "ab"])
    np.testing.assert_array_equal(canvas[:, :160], canvas[:, 160:])
    assert (canvas[:, :160] != 100).any()


@pytest.mark.parametrize(
    ("count", "rows", "columns"),
    [(1, 1, 1), (2, 1, 2), (3, 2, 2), (4, 2, 2), (5, 2, 3), (6, 2, 3), (7, 3, 3), (16, 4, 4)],
)
def test_several_pictures_are_as_square_as_it_goes(count: int, rows: int, columns: int) -> None:
    canvas = compose([plain(100, 60)] * count, ["x"] * count)
    assert canvas.shape == (60 * rows, 100 * columns, 3)


@pytest.mark.parametrize("count", [1, 2, 5])
def test_large_pictures_shrink_until_all_fit_a_screen(count: int) -> None:
    canvas = compose([plain(3840, 2160)] * count, ["x"] * count)
    columns = {1: 1, 2: 2, 5: 3}[count]
    width = 1920 // columns
    assert canvas.shape[1] == width * columns
    assert canvas.shape[0] == round(2160 * width / 3840) * {1: 1, 2: 1, 5: 2}[count]


def test_an_upright_picture_beside_a_wide_one_is_whole_and_keeps_its_shape() -> None:
    wide, upright = plain(160, 90), plain(90, 160, 200)
    canvas = compose([wide, upright], ["", ""])
    height, width = canvas.shape[:2]
    assert width == 320
    assert height == round(160 * 160 / 90)  # as high as the upright one would be
    shown = (canvas[:, 160:] == 200).all(axis=2)
    assert shown.any(axis=1).sum() == height
    assert shown.any(axis=0).sum() == 160
    flat = (canvas[:, :160] == 100).all(axis=2)
    assert (flat.any(axis=1).sum(), flat.any(axis=0).sum()) == (90, 160)


def test_a_picture_of_one_row_stays_one() -> None:
    canvas = compose([plain(3840, 1, 200)], [""])
    assert canvas.shape == (1, 1920, 3)
    assert (canvas == 200).all()
    assert (compose([plain(160, 90), plain(3840, 1, 200)], ["", ""])[1] != 200).all()


def test_before_the_first_picture_there_is_a_black_one_of_usual_size() -> None:
    assert compose([None], [""]).shape == (360, 640, 3)
    assert not compose([None], [""]).any()


class Window(NullDisplay):
    """Notes what is shown, and tells at once that it was seen."""

    is_window = True

    def __init__(self) -> None:
        self.shown: list[Picture] = []
        self.closes = 0

    def show(self, image_bgr: Picture, seen: Callable[[], None] | None = None) -> None:
        self.shown.append(image_bgr)
        assert seen is not None
        seen()

    def close(self) -> None:
        self.closes += 1


def test_a_picture_that_a_newer_one_replaced_was_never_seen() -> None:
    window = Window()
    grid = Grid(window, ["", ""])
    seen: list[str] = []
    for grey in (10, 20):
        grid.tiles[0].show(plain(64, 36, grey), lambda grey=grey: seen.append(f"a{grey}"))  # type: ignore[misc]
    grid.tiles[1].show(plain(64, 36, 30), lambda: seen.append("b"))
    grid.serve(0.0)
    assert seen == ["a20", "b"]
    assert [window.shown[0][18, x, 0] for x in (32, 96)] == [20, 30]
    grid.tiles[1].show(plain(64, 36, 40), lambda: seen.append("b2"))
    grid.serve(0.0)
    assert seen == ["a20", "b", "b2"]
    assert [window.shown[1][18, x, 0] for x in (32, 96)] == [20, 40], "the other stays"


def test_a_window_that_was_closed_shows_nothing_and_loses_no_key() -> None:
    window = Window()
    window.is_window = False
    grid = Grid(window, ["a"])
    grid.tiles[0].show(plain(8, 8), lambda: None)
    grid.serve(0.0)
    assert window.shown == []
    assert not grid.tiles[0].is_window
    assert not grid.tiles[0].is_lost
    grid.close()
    assert window.closes == 1


def test_it_waits_for_something_new_and_not_where_there_is_something(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    grid = Grid(Window(), ["a", "b"])
    waits: list[float] = []
    monkeypatch.setattr(grid.news, "wait", waits.append)
    grid.serve(0.05)
    assert waits == [0.05]
    grid.tiles[1].show(plain(8, 8), lambda: None)
    grid.serve(0.05)
    assert waits == [0.05]


def test_what_arrives_wakes_whoever_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    grid = Grid(Window(), ["a"])
    woken: list[bool] = []
    monkeypatch.setattr(grid.news, "notify", lambda: woken.append(True))
    grid.tiles[0].show(plain(8, 8), lambda: None)
    assert woken == [True]


def test_each_source_hears_a_key_once_and_in_order() -> None:
    keys = [["m", "r"], ["q"], []]
    window = Window()
    window.pressed = lambda: keys.pop(0)  # type: ignore[method-assign]
    grid = Grid(window, ["a", "b"])
    grid.serve(0.0)
    grid.serve(0.0)
    assert grid.tiles[0].pressed() == ["m", "r", "q"]
    assert grid.tiles[0].pressed() == []
    assert grid.tiles[1].pressed() == ["m", "r", "q"]
