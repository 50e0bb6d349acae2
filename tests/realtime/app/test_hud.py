"""Text over the picture: it stands where it should, can be read, and says what is wrong."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from steadypose.realtime.app import caption
from steadypose.realtime.app.caption import Caption
from steadypose.realtime.app.draw import Style, _text_block, draw_hud
from steadypose.realtime.app.keys import KEYS
from tests.support.pictures import assert_written_like, blocks, ink_of, ink_sum

HW = (720, 1280)
GROUND = (110, 110, 110)
RED = (60, 60, 235)
LINES = ("30 fps  12.5 ms inference", "48 ms old  0 dropped", "openvino CPU fp32")


def written(
    lines: tuple[str, ...] = LINES, hw: tuple[int, int] = HW, **more: Any
) -> NDArray[np.uint8]:
    image = np.full((*hw, 3), GROUND, np.uint8)
    draw_hud(image, lines, **more)
    return image


def is_red(image: NDArray[np.uint8]) -> NDArray[np.bool_]:
    return (image == RED).all(axis=2)


def test_the_figures_stand_in_the_upper_left_corner_on_a_darkened_box() -> None:
    assert_written_like(blocks(written(), GROUND), "hud_figures")


def test_everything_that_can_be_written_stands_where_it_did() -> None:
    image = written(message="saved out/snapshot.png", is_recording=True, has_help=True)
    assert_written_like(blocks(image, GROUND), "hud_everything")


def test_on_a_small_picture_the_figures_can_still_be_read() -> None:
    image = written(hw=(180, 240))
    assert_written_like(blocks(image, GROUND), "hud_small")
    (box,) = blocks(image, GROUND)
    assert box.height / 3 > 8  # pixels a line


def test_without_being_asked_there_is_neither_red_dot_nor_help_nor_alert() -> None:
    image = written()
    assert len(blocks(image, GROUND)) == 1
    assert not is_red(image).any()
    assert (written(()) == GROUND).all()


def test_letters_lie_inside_their_box_with_room_on_every_side() -> None:
    for lines in (LINES[:1], LINES):
        image = written(lines)
        is_box = (image != GROUND).any(axis=2)
        ys, xs = np.nonzero(is_box)
        ink_ys, ink_xs = np.nonzero(ink_of(image))
        line_px = (ys.max() - ys.min()) / (len(lines) + 0.3)
        above, below = ink_ys.min() - ys.min(), ys.max() - ink_ys.max()
        assert 0.1 * line_px < above < 0.6 * line_px
        assert 0.1 * line_px < below < 0.8 * line_px
        assert 3 < ink_xs.min() - xs.min() < 25
        assert 3 < xs.max() - ink_xs.max() < 30
        # Nothing but the box: it has no dents.
        assert is_box[ys.min() : ys.max() + 1, xs.min() : xs.max() + 1].mean() > 0.99


def test_behind_letters_the_picture_is_dark_but_can_be_seen() -> None:
    image = np.full((*HW, 3), GROUND, np.uint8)
    image[:, ::2] = (220, 220, 220)
    draw_hud(image, ("x",))
    rows = image[12:18, 12:20].reshape(-1, 3)
    assert sorted({int(v) for v in rows[:, 0]}) == [44, 88]


@pytest.mark.parametrize(
    ("hw", "thickness"), [((180, 240), {1}), ((1080, 1440), {2}), ((1440, 2560), {2, 4})]
)
def test_letters_grow_bold_with_the_picture(hw: tuple[int, int], thickness: set[int]) -> None:
    """On a large picture lines of one pixel would be thin as hair."""
    image, scale = written(LINES[:1], hw=hw), Style.for_size(hw).text
    inks = {}
    for drawn in (1, 2, 4):  # OpenCV 5 knows but two
        plain, font = np.zeros_like(image), cv2.FONT_HERSHEY_SIMPLEX
        cv2.putText(plain, LINES[0], (30, 60), font, scale, (255,) * 3, drawn, cv2.LINE_AA)
        inks[drawn] = ink_sum(plain)
    assert min(inks, key=lambda drawn: abs(inks[drawn] - ink_sum(image))) in thickness


def test_the_red_dot_of_a_recording_is_in_the_upper_right_corner() -> None:
    red = is_red(written(is_recording=True))
    ys, xs = np.nonzero(red)
    # 720 / 70 is a margin of 10 pixels, the dot 14 wide.
    assert xs.max() - xs.min() == pytest.approx(14, abs=3)
    assert ys.max() - ys.min() == pytest.approx(14, abs=3)
    assert xs.mean() == pytest.approx(HW[1] - 20, abs=3)
    assert ys.mean() == pytest.approx(20, abs=3)
    assert red.sum() > 0.6 * 14 * 14


@pytest.mark.parametrize("hw", [HW, (180, 240), (1080, 1920)])
def test_an_alert_is_white_in_a_red_banner_across_the_middle(hw: tuple[int, int]) -> None:
    image = written((), hw=hw, alert="camera lost")
    red, ink = is_red(image), ink_of(image)
    rows = np.flatnonzero(red[:, 0])
    top, bottom = rows.min(), rows.max()
    assert (red[top : bottom + 1, [0, -1]]).all()  # from edge to edge
    assert len(rows) == bottom - top + 1
    assert (top + bottom) / 2 == pytest.approx(hw[0] / 2, abs=0.02 * hw[0])
    ys, xs = np.nonzero(ink)
    assert top < ys.min()
    assert ys.max() < bottom
    share = (ys.max() - ys.min() + 1) / (bottom - top + 1)
    assert 0.24 < share < 0.4
    assert (ys.min() + ys.max()) / 2 == pytest.approx((top + bottom) / 2, abs=0.17 * len(rows))
    # Centred; letters of OpenCV 5 are narrower than it says by a little.
    assert (xs.min() + xs.max()) / 2 == pytest.approx(hw[1] / 2, abs=0.04 * hw[1])
    assert not (image[:top] != GROUND).any()
    assert not (image[bottom + 1 :] != GROUND).any()


def test_a_message_stands_below_the_middle_and_centred() -> None:
    (box,) = blocks(written((), message="recording to out/a.csv"), GROUND)
    assert box.y == pytest.approx(0.85 * HW[0], abs=10)
    assert box.x + box.width / 2 == pytest.approx(HW[1] / 2, abs=0.05 * HW[1])
    assert box.rows == 1


def test_the_help_names_every_key_and_what_it_does() -> None:
    keys, words = blocks(written((), has_help=True), GROUND)[:1], KEYS
    assert keys[0].rows == len(words) == 7
    image = written((), has_help=True)
    ink = ink_of(image)
    ys, xs = np.nonzero(ink)
    assert ys.min() > HW[0] / 2
    assert HW[0] - ys.max() > 5
    boxes = np.flatnonzero((image != GROUND).any(axis=(1, 2)))
    assert boxes.max() == HW[0] - 1 - 10  # a margin, which is 720 / 70 pixels here
    assert boxes.min() == HW[0] - 20 - len(words) * round(34 * 0.8)
    # Two columns: an empty stripe between keys and meanings.
    columns = np.flatnonzero(ink.any(axis=0))
    assert np.diff(columns).max() > 8
    assert xs.max() < HW[1] / 2


# The lines in the corner


class Clock:
    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now_s = 100.0
        monkeypatch.setattr(caption, "time", SimpleNamespace(perf_counter=lambda: self.now_s))


def lines(shown: Caption, frames: int, age_ms: float, *, is_smooth: bool = True) -> tuple[str, ...]:
    times: Any = SimpleNamespace(frames=frames, recent=lambda name: {"engine": 12.345}[name])
    label = "openvino CPU fp32"
    return shown.lines(times, age_ms=age_ms, dropped=3, label=label, is_smooth=is_smooth)


def test_the_corner_says_rate_age_drops_and_backend(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, shown = Clock(monkeypatch), Caption()
    assert lines(shown, 0, 20.0) == ("starting", "20 ms old  3 dropped", "openvino CPU fp32")
    clock.now_s += 2.0
    assert lines(shown, 50, 48.4) == (
        "25 fps  12.3 ms inference",
        "48 ms old  3 dropped",
        "openvino CPU fp32",
    )


def test_the_corner_says_when_smoothing_is_off(monkeypatch: pytest.MonkeyPatch) -> None:
    Clock(monkeypatch)
    assert lines(Caption(), 0, 0.0, is_smooth=False)[-1] == "smoothing off"
    assert "smoothing off" not in lines(Caption(), 0, 0.0)


def test_figures_stand_still_for_a_quarter_of_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, shown = Clock(monkeypatch), Caption()
    first = lines(shown, 0, 10.0)
    clock.now_s += 0.2
    assert lines(shown, 6, 99.0) == first
    clock.now_s += 0.1
    assert lines(shown, 9, 99.0)[:2] == (
        "30 fps  12.3 ms inference",
        "99 ms old  3 dropped",
    )
    clock.now_s += 0.5
    assert lines(shown, 29, 99.0)[0].startswith("40 fps")  # of the last half second alone
    shown.renew()
    assert lines(shown, 29, 11.0)[1] == "11 ms old  3 dropped"


def test_a_message_stays_for_a_second_and_a_half(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, shown = Clock(monkeypatch), Caption()
    assert shown.message is None
    shown.say("paused")
    for later_s, message in ((0.0, "paused"), (1.2, "paused"), (0.6, None)):
        clock.now_s += later_s
        assert shown.message == message


@pytest.mark.parametrize("corner", [(300, 20), (20, 190), (310, 198), (-40, -9)])
def test_a_label_at_the_edge_can_be_read_whole(corner: tuple[int, int]) -> None:
    style = Style.for_size((200, 320))

    def ink(at: tuple[int, int]) -> int:
        image = np.zeros((200, 320, 3), np.uint8)
        _text_block(image, ("2 80%",), at, style)
        return int((image > 60).sum())

    assert ink(corner) == ink((100, 100)) > 0
