"""What a user of the library can do wrong is an ``sp.Error`` with a fix, and ends nothing else."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import steadypose as sp
from steadypose.realtime.model.places import DEFAULT_MODEL, ROOT

PICTURE = np.zeros((120, 160, 3), np.uint8)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"persons": "2"}, "persons='2' is no whole number"),
        ({"persons": 2.0}, "persons=2.0 is no whole number"),
        ({"threads": "2"}, "threads='2' is no whole number"),
        ({"threads": True}, "threads=True is no whole number"),
        ({"threads": -1}, "-1 threads are not possible"),
        ({"network": "x"}, "'x' is no network"),
        ({"quality": "fast", "model": "x.onnx"}, "quality and model both name a network"),
        ({"model": "movenet_lightning"}, "movenet_lightning"),
    ],
)
def test_an_option_of_the_wrong_kind_is_told_before_anything_is_opened(
    options: Any, said: str
) -> None:
    for make in (sp.Tracker, lambda **given: sp.open("demo", **given)):
        with pytest.raises(sp.Error) as caught:
            make(**options)
        assert said in str(caught.value)
        assert "fix: " in str(caught.value)


def test_a_model_is_named_as_on_the_command_line() -> None:
    with sp.Tracker(model=DEFAULT_MODEL.stem) as tracker:
        assert tracker(PICTURE, time_s=0.0).persons == ()


def test_what_is_no_picture_or_no_time_is_told_and_the_tracker_goes_on() -> None:
    with sp.Tracker() as tracker:
        for wrong in (None, "x.jpg", [1, 2]):
            with pytest.raises(sp.Error, match="is no picture"):
                tracker(wrong)  # type: ignore[arg-type]
        with pytest.raises(sp.Error, match="'soon' is no time"):
            tracker(PICTURE, time_s="soon")  # type: ignore[arg-type]
        tracker(PICTURE, time_s=1764357429.5)
        with pytest.raises(sp.Error, match=r"time runs backwards by 0\.25 s"):
            tracker(PICTURE, time_s=1764357429.25)
        tracker(PICTURE, time_s=1764357430.0)
    with pytest.raises(sp.Error, match="this tracker is closed"):
        tracker(PICTURE, time_s=1764357431.0)


@pytest.mark.parametrize("ending", ["", "next(iter(left))", "next(iter(left)); raise OSError"])
def test_a_source_that_is_left_open_does_not_abort_python(ending: str, tmp_path: Path) -> None:
    code = f"import steadypose as sp\nleft = sp.open('demo:3')\n{ending}"
    done = subprocess.run(
        [sys.executable, "-c", code],
        check=False,
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT), "PATH": "", "HOME": str(tmp_path)},
        timeout=60,
    )
    assert done.returncode == ("raise" in ending), done.stderr
    assert "terminate called" not in done.stderr


def test_a_frame_is_shown_on_a_line() -> None:
    with sp.open("demo:2", persons=2) as frames:
        frame = next(iter(frames))
    shown = repr(frame)
    assert shown.startswith(f"<Frame 0 at 0.000 s, 640x360: <Person {frame.persons[0].id}: ")
    assert "\n" not in shown
    assert len(shown) < 250


def test_completion_offers_what_there_is() -> None:
    assert dir(sp) == sorted(sp.__all__)
