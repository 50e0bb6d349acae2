"""The example of a robot's arm: it reaches where the wrist is, and stays where nobody is seen."""

from __future__ import annotations

import math
import runpy
from typing import Any

import pytest

from steadypose.realtime.model.places import ROOT

ARM = runpy.run_path(str(ROOT / "docs/examples/live/robot_arm.py"))


def frame(state: str = "measured", unix_s: float = 100.0) -> dict[str, Any]:
    person = {"id": 1, "keypoints": [[0.1, 0.1, 0.9], [0.75, 0.25, 0.9]], "state": ["lost", state]}
    return {
        "unix_s": unix_s,
        "size_wh": [640, 320],
        "names": ["nose", "right_wrist"],
        "persons": [person],
    }


def test_the_wrist_is_found_in_metres() -> None:
    assert ARM["target"](frame(), 100.1) == pytest.approx((0.25, 0.25))


def test_it_stays_where_the_wrist_is_not_seen() -> None:
    assert ARM["target"](frame("predicted"), 100.1) is None
    assert ARM["target"](frame("lost"), 100.1) is None
    assert ARM["target"](frame(unix_s=99.0), 100.1) is None
    assert ARM["target"]({**frame(), "persons": []}, 100.1) is None


@pytest.mark.parametrize("x_m", [-0.4, -0.1, 0.05, 0.3, 2.0])
@pytest.mark.parametrize("y_m", [-0.3, 0.0, 0.2, 0.5])
def test_the_hand_is_there_or_as_near_as_the_arm_reaches(x_m: float, y_m: float) -> None:
    upper, lower = ARM["UPPER_M"], ARM["LOWER_M"]
    shoulder, elbow = ARM["joints"](x_m, y_m)
    hand = [
        upper * turn(shoulder) + lower * turn(shoulder + elbow) for turn in (math.cos, math.sin)
    ]
    far = math.hypot(x_m, y_m)
    scale = min(max(far, upper - lower), upper + lower) / far
    assert hand == pytest.approx([scale * x_m, scale * y_m], abs=1e-9)
