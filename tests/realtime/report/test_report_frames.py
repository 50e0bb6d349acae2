"""What the report says of missing frames, and how long its bars are."""

from __future__ import annotations

import re

import numpy as np
import pytest

from steadypose.realtime.datatypes import State
from steadypose.realtime.report.checks import gaps, timing_histogram
from steadypose.realtime.report.page import build_page
from steadypose.realtime.report.quality import timing
from tests.realtime.report.test_report import (
    NAMES,
    parsed,
    recording,
    standing,
    text_of,
    track,
)

NONE_MISSING = "No frame is missing between the first and the last with a person in it."


@pytest.mark.parametrize(
    ("frames", "missing"),
    [
        ([0, 1, 2, 3, 4, 5], 0),
        ([0, 1, 2, 4, 5, 6], 1),
        ([7, 8, 20, 21, 22, 23], 11),
        ([0, 2, 4, 6, 8, 10], 5),  # a network at half the camera's rate: no two are neighbours
    ],
)
def test_missing_frames_are_counted_and_never_said_to_be_none(
    frames: list[int], missing: int
) -> None:
    text = text_of(build_page(recording(track(standing(6), frame=frames))))
    assert (NONE_MISSING in text) == (missing == 0)
    assert (f"{missing} frame numbers have no row" in text) == (missing > 0)


def test_a_frame_is_only_missing_where_nobody_has_it() -> None:
    one = track(standing(3), frame=[0, 2, 4])
    other = track(standing(2), frame=[1, 3], person=2)
    assert NONE_MISSING in text_of(build_page(recording(one, other)))


def test_one_frame_has_no_times_between_frames() -> None:
    assert timing_histogram(timing([track(standing(1))])) == ""


def test_the_bars_of_seen_guessed_and_lost_fill_their_row_and_no_more() -> None:
    person = track(standing(40))
    person.state[:10] = State.PREDICTED
    person.state[10:30, 3] = State.LOST
    marks = re.findall(
        r'class="(measured|predicted|lost)" x="([\d.]+)%"[^>]* width="([\d.]+)%"',
        gaps(person, NAMES),
    )
    rows: list[list[tuple[str, float, float]]] = []
    for kind, x, width in marks:
        if float(x) == 0.0:
            rows.append([])
        rows[-1].append((kind, float(x), float(width)))
    assert len(rows) == 17
    for row in rows:
        assert sum(width for _, _, width in row) == pytest.approx(100.0, abs=0.1)
        ends = [x + width for _, x, width in row]
        np.testing.assert_allclose([x for _, x, _ in row][1:], ends[:-1], atol=0.02)
    assert rows[0] == [("measured", 0.0, 75.0), ("predicted", 75.0, 25.0)]
    assert rows[3] == [("measured", 0.0, 25.0), ("predicted", 25.0, 25.0), ("lost", 50.0, 50.0)]


def test_the_page_with_hardly_any_times_is_well_formed() -> None:
    parsed(build_page(recording(track(standing(2), frame=[3, 9]))))
    found = timing([track(standing(2), frame=[3, 9])])
    assert (found.frames, found.missing, len(found.interval_ms)) == (2, 5, 0)
