"""The camera's own controls, by the driver's names, and the time code in its pictures."""

from __future__ import annotations

import re
from itertools import pairwise

import numpy as np
import pytest

from steadypose.engines.errors import UsageError
from steadypose.realtime.command.doctor import camera_lines
from steadypose.realtime.datatypes import Frame
from steadypose.realtime.sources.camera import CameraMode
from steadypose.realtime.sources.capture.controls import Control, controls_of
from tests.camera import vivid
from tests.camera.app import frames_of, opened

vivid.load()
GLYPH_W, GLYPH_H = 8, 16


def known() -> dict[str, Control]:
    return {control.name: control for control in controls_of(vivid.node_of(vivid.FIRST))}


def set_to(*given: tuple[str, str]) -> None:
    opened(vivid.node_of(vivid.FIRST), mode=CameraMode(controls=given)).close()


def test_controls_have_the_names_ranges_and_values_that_v4l2_ctl_lists() -> None:
    said = vivid.command(vivid.node_of(vivid.FIRST), "--list-ctrls")
    kinds, limits = r"\((?:int|bool|menu|intmenu)\)", r"(?: min=(-?\d+) max=(-?\d+).*)?"
    state = r"value=(-?\d+)(?!.*(?:read-only|write-only))"
    listed = re.findall(rf"(\w+) 0x\w+ {kinds} +:{limits} ?default=-?\d+ {state}", said)
    assert len(listed) > 20
    found = known()
    for name, low, high, _ in listed:
        assert name in found
        if low and not found[name].is_inactive:
            assert (found[name].low, found[name].high) == (int(low), int(high)), name
    assert found["test_pattern"].menu[0] == "75% Colorbar"
    assert found["test_pattern"].menu[5] == "100% Black"


def test_controls_are_set_in_order_by_number_and_by_the_name_of_an_entry() -> None:
    set_to(("brightness", "77"), ("Test_Pattern", "100% white"), ("horizontal_flip", "1"))
    found = known()
    assert [found[n].value for n in ("brightness", "test_pattern", "horizontal_flip")] == [77, 6, 1]


@pytest.mark.parametrize(
    ("given", "what", "fix"),
    [
        (("brightnes", "3"), "the camera has no control 'brightnes'", "brightness"),
        (("brightness", "999"), "brightness=999 is not possible", "0 to 255"),
        (("brightness", "bright"), "brightness=bright is not possible", "0 to 255"),
        (("test_pattern", "lines"), "test_pattern=lines is not possible", "5 100% Black"),
    ],
)
def test_what_the_camera_has_not_is_a_sentence(given: tuple[str, str], what: str, fix: str) -> None:
    with pytest.raises(UsageError) as caught:
        set_to(given)
    assert what in caught.value.what
    assert fix in str(caught.value.fix)


def test_controls_are_set_again_when_the_camera_is_back() -> None:
    source = opened(vivid.node_of(vivid.FIRST), mode=CameraMode(controls=(("test_pattern", "5"),)))
    assert frames_of(source, 2)[-1].image_bgr[300:].mean() < 30
    vivid.unplug()
    vivid.wait_for(lambda: source.trouble)
    vivid.plug()
    vivid.wait_for(lambda: source.trouble is None, 15.0)
    assert frames_of(source, 2)[-1].image_bgr[300:].mean() < 30
    source.close()


def test_the_doctor_lists_them() -> None:
    said = "\n".join(camera_lines())
    assert "brightness: 0 to 255; now 128" in said
    assert "test_pattern: 0 75% Colorbar, 1 100% Colorbar" in said


def glyphs(frame: Frame) -> list[bytes]:
    """Letters of the pattern's time code, ``hh:mm:ss:mmm``."""
    left, top = 3 * GLYPH_W, GLYPH_H
    line = frame.image_bgr[top : top + GLYPH_H, left : left + 12 * GLYPH_W].mean(axis=2) > 100
    return [line[:, GLYPH_W * at : GLYPH_W * (at + 1)].tobytes() for at in range(12)]


def test_the_capture_time_is_that_of_the_very_picture() -> None:
    """The picture tells when it was made, in letters whose shapes are learned from the seconds."""
    source = opened(vivid.node_of(vivid.FIRST), mode=CameraMode(320, 180))
    vivid.control(vivid.node_of(vivid.FIRST), percentage_of_dropped_buffers=30)
    frames = frames_of(source, 240)  # with gaps, so that a neighbour's time would not fit
    source.close()
    # Seconds count 0 to 9: the glyph that follows each tells their order; the tens turn at zero.
    codes = [glyphs(frame) for frame in frames]
    order: list[bytes] = []
    zero = None
    for before, code in pairwise(codes):
        if code[7] != before[7]:
            order.append(code[7])
            if code[6] != before[6]:
                zero = len(order) - 1
    assert zero is not None
    digits = {glyph: (at - zero) % 10 for at, glyph in enumerate(order)}
    assert len(digits) == 10

    def read(code: list[bytes]) -> float:
        h, m, s = (10 * digits[code[at]] + digits[code[at + 1]] for at in (0, 3, 6))
        ms = int("".join(str(digits[code[at]]) for at in (9, 10, 11)))
        return 3600 * h + 60 * m + s + ms / 1000

    told_s = np.array([read(code) for code in codes])
    captured_s = np.array([frame.captured_s for frame in frames])
    apart_s = captured_s - told_s
    # The emulation has its own pauses; a neighbour's time would be that of all after a gap, 30 %.
    assert np.mean(np.abs(apart_s - np.median(apart_s)) < 0.02) > 0.8
