"""The report page: its measures are right, its pictures honest, its errors sentences."""

from __future__ import annotations

import json
import math
import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from steadypose.engines.skeletons.people import COCO17, MPII16
from steadypose.realtime.datatypes import FloatArray, State
from steadypose.realtime.record.formats.csv_rows import header, long_rows
from steadypose.realtime.record.formats.reading import PersonTrack, Recording
from steadypose.realtime.report import __main__ as command
from steadypose.realtime.report.body import (
    body_center,
    body_height_px,
    speed_px_s,
    with_breaks,
)
from steadypose.realtime.report.body_parts import parts_of
from steadypose.realtime.report.charts import MOST_POINTS, Line, decimate, line_chart, path_data
from steadypose.realtime.report.curves import positions
from steadypose.realtime.report.page import MOST_SECTIONS, build_page
from steadypose.realtime.report.quality import has_raw, jitter, presence, score_ranks, timing
from steadypose.realtime.report.scales import (
    DEGREE_STEPS,
    clock,
    nice_ticks,
    number_scale,
    time_scale,
)
from steadypose.realtime.report.sidecar_text import find_run_info, flatten
from steadypose.realtime.report.words import number
from steadypose.realtime.smooth.angles import joint_angle, signed_angle, unwrap
from tests.conftest import make_pose

NAMES = COCO17.keypoints
SVG = "{http://www.w3.org/2000/svg}"


def track(
    xy: FloatArray,
    *,
    raw_xy: FloatArray | None = None,
    person: int = 1,
    fps: float = 30.0,
    frame: list[int] | None = None,
) -> PersonTrack:
    """A person from (T, K, 2) positions; NaN is lost."""
    count, keypoints = xy.shape[:2]
    index = np.arange(count) if frame is None else np.array(frame)
    state = np.where(np.isnan(xy[:, :, 0]), State.LOST, State.MEASURED).astype(np.int8)
    raw = xy.copy() if raw_xy is None else raw_xy
    score = np.full((count, keypoints), 0.5)
    return PersonTrack(person, index.astype(np.int64), index / fps, xy, score, raw, state)


def standing(count: int = 60, *, size: float = 100.0) -> FloatArray:
    """A person who stands upright, arms hanging, as high as ``size`` times 2.7."""
    side = np.array([1.0 if name.startswith("left") else -1.0 for name in NAMES])
    down = {"shoulder": 0.5, "elbow": 1.0, "wrist": 1.4, "hip": 1.3, "knee": 2.0, "ankle": 2.7}
    y = np.array([down.get(name.split("_")[-1], 0.1) for name in NAMES])
    one = np.stack((300 + 0.2 * size * side, 50 + size * y), axis=1)
    return np.repeat(one[None], count, axis=0)


def recording(*people: PersonTrack, keypoints: tuple[str, ...] = NAMES) -> Recording:
    return Recording(Path("clip.csv"), keypoints, people)


def parsed(page: str) -> ET.Element:
    """The page is written so that an XML parser accepts it too."""
    return ET.fromstring(page.removeprefix("<!DOCTYPE html>\n"))  # noqa: S314 - our own text


def text_of(page: str) -> str:
    return "".join(parsed(page).itertext())


def angle(*points: tuple[float, float]) -> float:
    a, middle, b = (np.array([point]) for point in points)
    return float(signed_angle(a, middle, b)[0])


# Angles


def test_a_straight_arm_has_180_degrees_and_a_right_angle_90() -> None:
    assert abs(angle((0, 0), (10, 0), (20, 0))) == pytest.approx(180)
    assert abs(angle((0, 0), (10, 0), (10, 10))) == pytest.approx(90)
    assert angle((0, 0), (10, 0), (0, 0)) == pytest.approx(0)
    assert angle((0, 0), (10, 0), (10, 10)) == -angle((10, 10), (10, 0), (0, 0))


def test_a_limb_without_length_has_no_angle() -> None:
    assert math.isnan(angle((10, 0), (10, 0), (10, 10)))


@pytest.mark.parametrize(
    ("joint", "degrees"), [("elbow", 180), ("shoulder", 0), ("hip", 180), ("knee", 180)]
)
@pytest.mark.parametrize("side", ["left", "right"])
def test_standing_upright_has_the_angles_of_the_table(
    joint: str, side: str, degrees: float
) -> None:
    xy = standing(5)
    found = joint_angle(xy, np.arange(5) / 30, NAMES, joint=joint, side=side)
    assert found is not None
    np.testing.assert_allclose(found, degrees, atol=1e-9)


def test_left_and_right_bend_alike_in_a_mirrored_pose() -> None:
    xy = standing(5)
    xy[:, NAMES.index("left_wrist")] = xy[:, NAMES.index("left_elbow")] + (40, 0)
    xy[:, NAMES.index("right_wrist")] = xy[:, NAMES.index("right_elbow")] - (40, 0)
    time_s = np.arange(5) / 30
    left, right = (
        joint_angle(xy, time_s, NAMES, joint="elbow", side=side) for side in ("left", "right")
    )
    assert left is not None
    assert right is not None
    np.testing.assert_allclose(left, 90)
    np.testing.assert_allclose(right, 90)


def test_a_joint_that_passes_through_straight_does_not_fold_back() -> None:
    truth = np.linspace(100, 220, 50)
    wrapped = (truth + 180) % 360 - 180
    np.testing.assert_allclose(unwrap(wrapped, np.arange(50) / 30), truth)
    np.testing.assert_allclose(unwrap(-wrapped, np.arange(50) / 30), truth)


def test_noise_around_straight_stays_around_180() -> None:
    rng = np.random.default_rng(0)
    truth = 180 + rng.normal(0, 3, 400)
    found = unwrap((truth + 180) % 360 - 180, np.arange(400) / 30)
    assert np.abs(found - 180).max() < 15


def test_an_angle_is_nan_through_a_gap_and_goes_on_behind_it() -> None:
    truth = np.linspace(130, 200, 60)
    wrapped = (truth + 180) % 360 - 180
    wrapped[20:25] = np.nan
    found = unwrap(wrapped, np.arange(60) / 30)
    assert np.isnan(found[20:25]).all()
    np.testing.assert_allclose(np.delete(found, range(20, 25)), np.delete(truth, range(20, 25)))


def test_after_a_long_gap_the_turns_are_counted_anew() -> None:
    turning = np.linspace(90, 90 + 720, 200)
    values = np.concatenate(((turning + 180) % 360 - 180, np.full(50, 90.0)))
    time_s = np.concatenate((np.arange(200) / 30, 20 + np.arange(50) / 30))
    np.testing.assert_allclose(unwrap(values, time_s)[200:], 90)


def test_a_skeleton_without_the_joint_has_no_angle() -> None:
    xy = np.zeros((3, 2, 2))
    assert joint_angle(xy, np.arange(3.0), ("a", "b"), joint="knee", side="left") is None


def test_an_angle_that_is_never_known_stays_unknown() -> None:
    assert np.isnan(unwrap(np.full(5, np.nan), np.arange(5.0))).all()


# Motion and quality


def test_jitter_is_what_was_put_in() -> None:
    """The way between two noisy places is Rayleigh distributed: sigma times root pi."""
    rng = np.random.default_rng(1)
    still = standing(6000)
    xy, raw = (still + rng.normal(0, sigma, still.shape) for sigma in (0.5, 2.0))
    found = jitter(track(xy, raw_xy=raw), 270.0)
    np.testing.assert_allclose(found.raw_px, 2.0 * math.sqrt(math.pi), rtol=0.05)
    np.testing.assert_allclose(found.smooth_px, 0.5 * math.sqrt(math.pi), rtol=0.05)
    # x - 2x' + x'' has 6 times the variance, in both coordinates.
    np.testing.assert_allclose(found.raw_px_s2, 2.0 * math.sqrt(12) * 900, rtol=0.05)
    assert (found.rest_frames > 5900).all()


def test_a_moving_keypoint_is_not_at_rest() -> None:
    xy = standing(300)
    xy[:, NAMES.index("left_wrist"), 0] += np.arange(300) * 3.0  # 90 px/s
    found = jitter(track(xy), 270.0)
    assert found.rest_frames[NAMES.index("left_wrist")] == 0
    assert math.isnan(found.smooth_px[NAMES.index("left_wrist")])
    assert found.smooth_px[NAMES.index("nose")] == 0


def test_jitter_is_not_measured_across_missing_frames() -> None:
    xy = standing(100)
    xy[1::2] += 1.0
    every_second = track(xy, frame=list(range(0, 200, 2)))
    assert jitter(every_second, 270.0).rest_frames.sum() == 0
    assert np.isnan(jitter(every_second, 270.0).raw_px_s2).all()


def test_presence_shares_add_up() -> None:
    one = track(standing(10))
    one.state[:3, 0], one.state[3:5, 0] = State.LOST, State.PREDICTED
    shares = presence(one)
    np.testing.assert_allclose(shares[0], (0.5, 0.2, 0.3))
    np.testing.assert_allclose(shares.sum(axis=1), 1.0)


def test_score_ranks_leave_out_what_is_unknown() -> None:
    one = track(standing(11))
    one.score[:, 0] = np.linspace(0, 1, 11)
    one.score[:, 1] = np.nan
    ranks = score_ranks(one)
    np.testing.assert_allclose(ranks[0], (0.1, 0.25, 0.5, 0.75, 0.9))
    assert np.isnan(ranks[1]).all()


def test_timing_counts_frames_of_all_people_once() -> None:
    first = track(standing(4), frame=[0, 1, 2, 5])
    second = track(standing(3), frame=[2, 3, 5], person=2)
    found = timing([first, second])
    assert (found.frames, found.missing) == (5, 1)
    np.testing.assert_allclose(found.interval_ms, 1000 / 30)
    assert found.begin_s == 0
    assert found.end_s == pytest.approx(5 / 30)


def test_body_height_comes_from_the_limbs_and_bears_lost_ones() -> None:
    xy = standing(20)
    whole = body_height_px(xy, NAMES)
    assert 200 < whole < 360
    xy[:, 13:] = np.nan
    assert body_height_px(xy, NAMES) == pytest.approx(whole, rel=0.35)
    assert math.isnan(body_height_px(np.full((3, 17, 2), np.nan), NAMES))
    box = np.array([[[0.0, 0.0], [30.0, 40.0]]])
    assert body_height_px(box, ("a", "b")) == 40.0
    assert math.isnan(body_height_px(np.full((3, 2, 2), np.nan), ("a", "b")))


def test_at_a_desk_the_shoulders_are_the_body_centre() -> None:
    xy = standing(10)
    standing_y = body_center(xy, NAMES)[0, 1]
    xy[:, 11:] = np.nan
    assert body_center(xy, NAMES)[0, 1] == pytest.approx(100)
    assert standing_y == pytest.approx(140)
    np.testing.assert_allclose(body_center(np.ones((2, 3, 2)), ("a", "b", "c")), 1.0)


def test_speed_is_pixels_a_second_and_nan_beside_a_gap() -> None:
    time_s = np.arange(10) / 20
    xy = np.stack((60 * time_s, 80 * time_s), axis=1)
    np.testing.assert_allclose(speed_px_s(xy, time_s)[1:-1], 100)
    xy[5] = np.nan
    assert np.flatnonzero(np.isnan(speed_px_s(xy, time_s))).tolist() == [0, 4, 5, 6, 9]
    assert np.isnan(speed_px_s(xy[:2], time_s[:2])).all()


def test_curves_break_where_the_person_was_away() -> None:
    broken = with_breaks(track(standing(4), frame=[0, 1, 20, 21]))
    assert np.isnan(broken.xy[:, 0, 0]).tolist() == [False, False, True, False, False]
    assert (np.diff(broken.time_s) > 0).all()
    one_dropped = with_breaks(track(standing(4), frame=[0, 1, 3, 4]))
    assert len(one_dropped.time_s) == 4


# Plots


@given(
    st.floats(-1e6, 1e6, allow_nan=False),
    st.floats(1e-3, 1e6, allow_nan=False),
    st.integers(1, 12),
)
def test_ticks_are_round_inside_and_few(low: float, size: float, count: int) -> None:
    ticks = nice_ticks(low, low + size, count=count)
    assert 1 <= len(ticks) <= count + 1
    assert low - 1e-6 * size <= ticks[0] <= ticks[-1] <= low + size * (1 + 1e-6)
    steps = [b - a for a, b in pairwise(ticks)]
    if steps:
        assert max(steps) - min(steps) <= 1e-6 * size


def test_ticks_by_example() -> None:
    assert nice_ticks(0, 1) == [0, 0.2, 0.4, 0.6, 0.8, 1.0]
    assert nice_ticks(-7, 93, count=5) == [0, 20, 40, 60, 80]
    assert nice_ticks(5, 5) == [4.6, 4.8, 5.0, 5.2, 5.4]
    assert nice_ticks(0, 350, count=4, steps=DEGREE_STEPS) == [0, 90, 180, 270]
    assert nice_ticks(0, 3000, count=4, steps=DEGREE_STEPS) == [0, 1080, 2160]


def test_time_is_labelled_as_people_read_it() -> None:
    assert clock(59.6) == "1:00"
    assert clock(3725) == "1:02:05"
    assert [text for _, text in time_scale(0, 3600).ticks][1:3] == ["10:00", "20:00"]
    assert [text for _, text in time_scale(0, 1).ticks][1] == "0.2 s"
    assert time_scale(3, 3).high == 4
    assert number_scale(-1, 1, count=2).ticks[0] == (-1.0, "\u22121")


@given(
    st.lists(st.floats(-1e3, 1e3) | st.just(math.nan), min_size=1, max_size=400),
    st.integers(3, 60),
)
def test_decimation_keeps_extremes_and_is_bounded(values: list[float], most: int) -> None:
    y = np.array(values)
    kept = decimate(y, most)
    assert len(kept) <= max(most, 3)
    assert (np.diff(kept) > 0).all()
    if np.isfinite(y).any():
        assert np.nanmax(y[kept]) == np.nanmax(y)
        assert np.nanmin(y[kept]) == np.nanmin(y)
    assert np.isnan(y[kept]).any() == np.isnan(y).any()


def test_a_lost_keypoint_breaks_the_line() -> None:
    x, y = np.arange(6.0), np.array([0, 1, math.nan, 1, 0, math.nan])
    data = path_data(Line(x, y, "left", ""), number_scale(0, 5), number_scale(0, 1))
    assert data.count("M") == 2
    assert data == "M0 2000l800-2000M2400 0l800 2000"


def test_a_single_sample_between_gaps_is_a_dot_and_nothing_is_nothing() -> None:
    x, y = np.arange(3.0), np.array([math.nan, 0.5, math.nan])
    scales = number_scale(0, 2), number_scale(0, 1)
    assert path_data(Line(x, y, "", ""), *scales) == "M2000 1000l0 0"
    assert path_data(Line(x, y * math.nan, "", ""), *scales) == ""


def test_a_gap_in_a_long_curve_survives_decimation() -> None:
    y = np.sin(np.arange(50_000) / 500)
    y[20_000] = np.nan
    line = Line(np.arange(50_000.0), y, "", "")
    data = path_data(line, number_scale(0, 50_000), number_scale(-1, 1))
    assert data.count("M") == 2
    assert len(data) < 20_000
    way = replace(line, is_path=True)
    assert len(path_data(way, number_scale(0, 50_000), number_scale(-1, 1))) < 40_000


def test_a_way_is_thinned_only_where_it_has_more_points_than_a_screen() -> None:
    turn = np.linspace(0, 2 * np.pi, MOST_POINTS)
    line = Line(np.cos(turn), np.sin(turn), "", "", is_path=True)
    steps = path_data(line, number_scale(-1, 1), number_scale(-1, 1)).split("l")[1]
    assert len(steps.replace("-", " ").split()) == 2 * (MOST_POINTS - 1)


def test_a_chart_is_well_formed_and_names_its_curves() -> None:
    line = Line(np.arange(3.0), np.arange(3.0), "left", "a <b> & c")
    chart = ET.fromstring(  # noqa: S314 - our own text
        line_chart([line], time_scale(0, 2), number_scale(0, 2, unit='"px" <'), label='a "chart"')
    )
    assert [title.text for title in chart.iter(f"{SVG}title")] == ["a <b> & c"]
    (outer,) = (svg for svg in chart.iter(f"{SVG}svg") if svg.get("role") == "img")
    assert outer.get("aria-label") == 'a "chart"'


# The page


def noisy(count: int = 90, *, person: int = 1) -> PersonTrack:
    rng = np.random.default_rng(2)
    still = standing(count)
    raw = still + rng.normal(0, 2, still.shape)
    xy = still + rng.normal(0, 0.5, still.shape)
    xy[10:15, 9] = raw[10:15, 9] = np.nan
    return track(xy, raw_xy=raw, person=person)


class _References(HTMLParser):
    """Collects what a page would load, and checks that every tag is closed."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.open: list[str] = []
        self.tags: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.open.append(tag)
        for name, value in attrs:
            if name in {"src", "srcset", "data", "action"} or (
                name.endswith("href") and not (value or "").startswith("#")
            ):
                self.found.append(f"{name}={value}")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_is_well_formed_and_loads_nothing() -> None:
    page = build_page(recording(noisy(), noisy(person=7)))
    root = parsed(page)
    assert len(list(root.iter(f"{SVG}svg"))) > 40
    references = _References()
    references.feed(page)
    assert references.open == []
    assert references.found == []
    assert not references.tags & {"script", "link", "img", "iframe", "object"}
    without_namespaces = re.sub(r'xmlns="[^"]*"|http-equiv', "", page)
    assert "http" not in without_namespaces
    assert "url(" not in page
    assert "@import" not in page


def test_every_person_has_a_section_and_a_link() -> None:
    page = build_page(recording(noisy(), noisy(person=7)))
    assert page.count('<section id="person-') == 2
    assert 'href="#person-7"' in page
    assert "<h2>Person 7</h2>" in page
    assert page.count('<nav aria-label="People"><a href="#person-1">') == 1
    assert "<nav" not in build_page(recording(noisy()))


def test_every_picture_has_a_sentence_and_no_text_is_nan() -> None:
    root = parsed(build_page(recording(noisy())))
    figures = [element for element in root.iter() if element.tag.endswith("}figure")]
    assert len(figures) == 17
    for found in figures:
        (note,) = (element for element in found.iter() if element.tag.endswith("figcaption"))
        assert (note.text or "").rstrip().endswith(".")
    assert not re.search(r"\b(nan|inf|None)\b", "".join(root.itertext()))


def test_names_are_escaped() -> None:
    evil = '<img src="http://x">&'
    found = replace(recording(noisy()), path=Path(f"{evil.replace('/', '_')}.csv"))
    page = build_page(found)
    parsed(page)
    assert "<img" not in page


def test_another_skeleton_has_no_angles_and_middle_colours() -> None:
    rng = np.random.default_rng(3)
    xy = rng.uniform(0, 100, (40, 3, 2))
    page = build_page(recording(track(xy), keypoints=("hub", "tip", "tail")))
    parsed(page)
    assert "angle" not in page.split("<body>")[1].split("<footer>")[0]
    assert 'class="left' not in page.split("<body>")[1].replace('"left"', "")
    assert 'class="middle"' in page


def test_mpii_has_angles_and_skeletons_too() -> None:
    xy = np.random.default_rng(4).uniform(0, 100, (40, 16, 2))
    page = build_page(recording(track(xy), keypoints=MPII16.keypoints))
    assert "Knee angle" in page
    assert 'class="ghost"' in page


def test_a_table_without_raw_says_so() -> None:
    xy = standing(40)
    one = track(xy, raw_xy=np.full_like(xy, np.nan))
    assert not has_raw(one)
    page = build_page(recording(one))
    assert "not recorded" in page
    assert "--csv-layout long" in page
    assert ">ratio<" not in page
    assert ' raw"' not in page


@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_hardly_any_frames_are_a_page_too(count: int) -> None:
    text = text_of(build_page(recording(track(standing(count)))))
    assert ("This recording contains no people." in text) == (count == 0)
    assert (f"followed in {count} of {count} frames" in text) == (count > 0)
    assert ("Time between frames" in text) == (count > 1)
    assert not re.search(r"\b(nan|inf|None)\b", text)


def test_a_person_never_seen_is_said_to_be() -> None:
    page = build_page(recording(track(np.full((30, 17, 2), np.nan)), noisy(person=2)))
    parsed(page)
    assert "No keypoint of this person was ever seen." in page


@pytest.mark.parametrize("end", [0.0, 1e-9, 9e15])
def test_strange_times_are_a_page_too(end: float) -> None:
    time_s = np.zeros(30)
    time_s[-1] = end
    for one in (track(standing(30)), noisy(30)):
        found = replace(one, time_s=time_s), replace(one, person=2, time_s=time_s + 1e15)
        text = "".join(parsed(build_page(recording(*found))).itertext())
        assert not re.search(r"\b(nan|inf|None)\b", text)


@pytest.mark.parametrize("size", [0.0, 9e15])
def test_strange_positions_are_a_page_too(size: float) -> None:
    places = np.random.default_rng(5).uniform(-size, size, (40, 17, 2))
    for xy in (places, np.full((40, 17, 2), size)):
        text = text_of(build_page(recording(track(xy))))
        assert "followed in 40 of 40 frames" in text
        assert not re.search(r"\b(nan|inf|None)\b", text)


def test_nobody_is_a_page_that_says_so() -> None:
    assert "This recording contains no people." in build_page(recording())


def test_a_cut_recording_says_so() -> None:
    assert "last row was incomplete" in build_page(replace(recording(noisy()), is_cut=True))


def test_many_people_get_sections_for_the_longest() -> None:
    crowd = [noisy(20 + n, person=n) for n in range(1, MOST_SECTIONS + 9)]
    page = build_page(recording(*crowd))
    parsed(page)
    assert page.count("<section ") == MOST_SECTIONS
    assert f'id="person-{MOST_SECTIONS + 8}"' in page
    assert 'id="person-1"' not in page
    assert 'href="#person-1"' not in page


def test_ten_minutes_stay_small() -> None:
    page = build_page(recording(noisy(18_000)))
    assert len(page.encode()) < 1_800_000


def test_parts_join_left_and_right() -> None:
    parts = parts_of(NAMES)
    assert parts["wrist"] == [9, 10]
    assert parts["nose"] == [0]


def test_raw_is_not_drawn_while_the_keypoint_is_lost() -> None:
    one = noisy()
    one.raw_xy[10:15, 9] = 5000.0
    figure = positions(one, NAMES, "wrist", most=2000)
    (raw,) = re.findall(r'<path class="left raw" d="([^"]*)"><title>left wrist x', figure)
    assert raw.count("M") == 2


# The sidecar and the command


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "out.csv"
    rows = [
        row
        for index in range(20)
        for pose in (make_pose(), make_pose(track_id=3))
        for row in long_rows(index, index / 30, pose)
    ]
    path.write_text(",".join(header(COCO17, "long")) + "\n" + "".join(rows))
    return path


def error_of(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> str:
    assert command.main([str(argument) for argument in arguments]) == 2
    text = capsys.readouterr().err
    assert text.startswith("error: ")
    assert "\n  fix: " in text
    assert "Traceback" not in text
    return text


def test_the_command_writes_the_page_beside_the_table(
    table: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command.main([str(table)]) == 0
    page = table.with_suffix(".html")
    assert capsys.readouterr().out.startswith(str(page))
    assert "Person 3" in page.read_text(encoding="utf-8")


def test_one_person_can_be_chosen(table: Path, tmp_path: Path) -> None:
    output = tmp_path / "one.html"
    assert command.main([str(table), "-o", str(output), "--person", "3"]) == 0
    page = output.read_text(encoding="utf-8")
    assert 'id="person-3"' in page
    assert 'id="person-1"' not in page


def test_facts_of_the_run_are_shown_and_escaped(table: Path) -> None:
    facts: dict[str, object] = {
        "format": "steadypose",
        "model": {"name": "<b>net"},
        "smoothing": "kalman",
    }
    facts |= {"threads": 2, "live": False, "versions": {"python": "3.11", "numpy": "2.4"}}
    (table.parent / "out.meta.json").write_text(json.dumps(facts))
    assert command.main([str(table)]) == 0
    page = table.with_suffix(".html").read_text(encoding="utf-8")
    parsed(page)
    assert "<dt>model name</dt><dd>&lt;b&gt;net</dd>" in page
    assert "<dt>smoothing</dt><dd>kalman</dd>" in page
    assert "<dd>python 3.11, numpy 2.4</dd>" in page
    assert "<dt>live</dt><dd>no</dd>" in page.split("All settings")[1]


def test_a_broken_sidecar_is_mentioned_and_no_obstacle(table: Path) -> None:
    (table.parent / "out.meta.json").write_text("{")
    assert command.main([str(table)]) == 0
    assert "could not be read" in table.with_suffix(".html").read_text(encoding="utf-8")


def write_sidecar(folder: Path, name: str, **facts: object) -> None:
    text = json.dumps({"format": "steadypose", "model": name, **facts})
    (folder / f"{name}.meta.json").write_text(text)


def model_of(recording: Path) -> str | None:
    found = find_run_info(recording)
    return None if found is None else dict(found.main)["model"]


def test_every_file_of_a_run_finds_its_sidecar(tmp_path: Path) -> None:
    files = [{"names": ["p.csv", "p.002.csv"]}, {"names": ["q.parquet", "q.002.parquet"]}]
    write_sidecar(tmp_path, "p", files=files, started="2026-01-02")
    for name in ("p.csv", "p.002.csv", "q.parquet", "q.002.parquet"):
        assert model_of(tmp_path / name) == "p", name
    assert model_of(tmp_path / "p.jsonl") == "p"  # converted later
    assert model_of(tmp_path / "p.003.csv") is None  # left from a longer run
    assert model_of(tmp_path / "r.parquet") is None
    # The last run that wrote a file counts; one that did not name it does not.
    write_sidecar(tmp_path, "old", files=[{"names": ["q.parquet"]}], started="2026-01-01")
    write_sidecar(tmp_path, "q", files=[{"names": ["q.csv"]}], started="2026-01-03")
    assert model_of(tmp_path / "q.parquet") == "p"
    write_sidecar(tmp_path, "new", files=[{"names": ["q.parquet"]}], started="2026-01-04")
    assert model_of(tmp_path / "q.parquet") == "new"


def test_every_file_of_a_killed_run_finds_its_sidecar(tmp_path: Path) -> None:
    options = ["--csv", "d/s.csv", "--parquet=out.parquet", "--split", "1s"]
    write_sidecar(tmp_path, "s", files=[], ended=None, options=options)
    for name in ("s.csv", "s.002.csv", "out.parquet.journal", "out.002.parquet.journal"):
        assert model_of(tmp_path / name) == "s", name
    assert model_of(tmp_path / "out.csv") is None
    write_sidecar(tmp_path, "key", files=[], options=[])  # recording began with a key
    assert model_of(tmp_path / "key.002.mp4") == "key"


@pytest.mark.parametrize(
    "facts", [{"files": 3, "options": 4}, {"files": [1, {"names": 2}]}, {"format": "other"}]
)
def test_a_strange_sidecar_is_no_obstacle(tmp_path: Path, facts: dict[str, object]) -> None:
    write_sidecar(tmp_path, "out", **facts)
    (tmp_path / "deep.meta.json").write_text("[" * 100_000)
    (tmp_path / "folder.meta.json").mkdir()
    assert model_of(tmp_path / "out.csv") == "out"
    assert model_of(tmp_path / "other.csv") is None


def test_the_sidecar_of_another_name_is_never_overwritten(table: Path) -> None:
    write_sidecar(table.parent, "first", files=[{"names": ["out.csv"]}])
    assert command.main([str(table), "-o", str(table.parent / "first.meta.json")]) == 2
    assert model_of(table) == "first"


def test_nested_facts_become_lines() -> None:
    facts = {"a": {"b_c": None, "d": [1, 2]}, "e": [{"f": 1}], "g": "x" * 500}
    found = dict(flatten(facts))
    assert found["a b c"] == "\u2013"
    assert found["a d"] == "1, 2"
    assert found["e"] == '[{"f": 1}]'
    assert len(found["g"]) == 200
    assert find_run_info(Path("nowhere.csv")) is None


def test_open_shows_the_page_or_says_that_it_cannot(
    table: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    opened: list[str] = []

    def browser(uri: str) -> bool:
        opened.append(uri)
        return False

    monkeypatch.setattr("webbrowser.open", browser)
    assert command.main([str(table), "--open"]) == 0
    assert opened == [table.with_suffix(".html").as_uri()]
    assert "no browser" in capsys.readouterr().out


def test_a_missing_table_is_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "nowhere.csv" in error_of(capsys, tmp_path / "nowhere.csv")
    assert not (tmp_path / "nowhere.html").exists()


def test_a_table_without_people_is_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "out.csv").write_text(",".join(header(COCO17, "long")) + "\n")
    assert "no person" in error_of(capsys, tmp_path / "out.csv")


def test_an_unknown_person_is_a_sentence_with_the_known_ones(
    table: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = error_of(capsys, table, "--person", "9")
    assert "no person 9" in text
    assert "1, 3" in text


def test_a_missing_output_folder_is_a_sentence(
    table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "does not exist" in error_of(capsys, table, "-o", tmp_path / "no" / "page.html")


@pytest.mark.parametrize("name", ["out.csv", "out.meta.json"])
def test_the_inputs_are_never_overwritten(
    table: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = table.read_bytes()
    assert "destroyed" in error_of(capsys, table, "-o", table.parent / name)
    assert table.read_bytes() == before


def test_a_wrong_flag_is_a_sentence(table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "--help" in error_of(capsys, table, "--persn", "1")
    assert "invalid int" in error_of(capsys, table, "--person", "one")


def test_the_page_says_where_raw_positions_were_not_recorded() -> None:
    xy = standing()
    with_raw, without = track(xy), track(xy, raw_xy=np.full_like(xy, np.nan))
    said = "so only filtered ones are drawn"
    assert said not in text_of(build_page(recording(with_raw), None))
    assert said in text_of(build_page(recording(without), None))


def test_a_number_has_two_decimals_unless_told_otherwise() -> None:
    assert number(12345.678) == "12\u202f345.68"
    assert number(-0.5, 1) == "\N{MINUS SIGN}0.5"
