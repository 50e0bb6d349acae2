"""A network that overflows says NaN; whoever is followed must not suffer from it."""

from __future__ import annotations

import math

import numpy as np

from steadypose.realtime.datatypes import State
from tests.support.following import AT, Stage, person

WRIST = AT["left_wrist"]


def test_a_place_that_is_no_number_is_not_believed_whatever_its_score() -> None:
    stage = Stage()
    stage.meet(person(300))
    broken = person(300)
    broken[WRIST, :2] = math.nan
    for _ in range(10):
        pose = stage.answer([broken])[1]
    assert pose.state[WRIST] != State.MEASURED
    box = stage.box(1)
    assert np.isfinite((box.x1, box.y1, box.x2, box.y2)).all()


def test_a_newcomer_with_a_place_that_is_no_number_is_boxed_by_the_rest() -> None:
    broken = person(300)
    broken[WRIST, :2] = math.nan
    stage = Stage()
    stage.show([], windows=[broken])
    assert len(stage.tracker.tracks) == 1
    assert all(np.isfinite(track.box.center_xy).all() for track in stage.tracker.tracks)
