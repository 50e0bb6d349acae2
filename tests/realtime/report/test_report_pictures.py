"""The report's pictures: every curve, bar and label where it belongs."""

from __future__ import annotations

import re

import numpy as np
import pytest

from steadypose.engines.skeletons.people import COCO17
from steadypose.realtime.datatypes import State
from steadypose.realtime.record.formats.reading import PersonTrack
from steadypose.realtime.report import checks
from steadypose.realtime.report.body import with_breaks
from steadypose.realtime.report.body_parts import sure_and_guessed
from steadypose.realtime.report.charts import Line, line_chart, path_data
from steadypose.realtime.report.curves import angles, positions, speeds
from steadypose.realtime.report.page import MOST_SECTIONS, build_page
from steadypose.realtime.report.quality import jitter, timing
from steadypose.realtime.report.rows import histogram
from steadypose.realtime.report.scales import number_scale
from steadypose.realtime.report.trajectories import trajectories
from steadypose.realtime.report.words import legend
from tests.realtime.report.test_report import NAMES, noisy, recording, standing, track
from tests.support.pages import assert_outlined_like, outline, parsed, strokes


def walker() -> PersonTrack:
    """Stands still for two seconds, then sways and bends; no chance is in it."""
    frame = [n for n in range(130) if not 96 <= n < 106]  # away for a third of a second
    xy = standing(len(frame))
    time_s = np.array(frame) / 30
    moving = np.clip(time_s - 2.0, 0.0, None)
    xy[:, :, 0] += (40 * np.sin(2.5 * moving))[:, None]
    for k, name in enumerate(NAMES):
        if name.endswith(("wrist", "knee")):
            out = 1.0 if name.startswith("left") else -1.0
            xy[:, k, 0] += out * 35 * np.sin(4 * moving) ** 2
    order = np.arange(xy.size).reshape(xy.shape)
    one = track(xy + 0.5 * np.sin(order * 7.1), raw_xy=xy + 2 * np.sin(order * 5.3), frame=frame)
    one.score[:] = 0.2 + 0.04 * np.arange(17) + 0.1 * np.sin(order[:, :, 0])
    for begin, end, name, state in (
        (40, 50, "left_wrist", State.LOST),
        (70, 80, "right_ankle", State.PREDICTED),
        (20, 70, "nose", State.PREDICTED),
    ):
        one.state[begin:end, NAMES.index(name)] = state
        if state == State.LOST:
            one.xy[begin:end, NAMES.index(name)] = np.nan
    return one


def curves_of(html: str, kind: str) -> list[list[np.ndarray]]:
    """The pieces of each path of this class."""
    return [strokes(data) for data in re.findall(rf'<path class="{kind}"[^>]* d="([^"]*)"', html)]


def labels_of(html: str) -> list[str]:
    return re.findall(r'<text class="tick[^>]*>([^<]*)', html)


def test_the_page_about_a_walker_looks_as_it_did() -> None:
    assert_outlined_like(outline(parsed(build_page(recording(walker())))), "report_walker")


def test_the_page_about_two_people_shows_who_was_in_sight_when() -> None:
    second = track(standing(60), person=4, frame=[*range(30), *range(60, 90)])
    root = parsed(build_page(recording(track(standing(60)), second)))
    (head,) = (element for element in root.iter() if element.tag.endswith("}body"))
    lines = outline(head)
    assert_outlined_like(lines[: lines.index("h2 : Person 1")], "report_two_people")


# Axes


def test_an_axis_has_numbers_and_a_unit() -> None:
    line = Line(np.arange(3.0), np.arange(3.0), "left", "")
    chart = line_chart([line], number_scale(0, 2), number_scale(0, 4, unit="px"), label="")
    labels = labels_of(chart)
    assert labels == ["0", "0.5", "1", "1.5", "2", "0", "1", "2", "3", "4"]
    assert ">px</text>" in chart
    bare = line_chart([line], number_scale(0, 2), number_scale(0, 4), label="", has_x_labels=False)
    assert labels_of(bare) == ["0", "1", "2", "3", "4"]


def test_only_the_lower_chart_of_a_part_says_the_time() -> None:
    upper, lower = positions(walker(), NAMES, "wrist", most=2000).split("</svg></div>")[:2]
    assert not any(label.endswith(" s") for label in labels_of(upper))
    assert "2 s" in labels_of(lower)


def test_a_curve_is_drawn_solid_and_a_way_too_short_to_see_costs_nothing() -> None:
    x, y = np.zeros(100), np.full(100, 0.5)
    scale = number_scale(0, 1)
    assert path_data(Line(x, y, "", ""), scale, scale) == "M0 1000l0 0"
    assert "opacity" not in line_chart([Line(x, y, "", "")], scale, scale, label="")
    faint = Line(x, y, "", "", opacity=0.3)
    assert 'opacity="0.30"' in line_chart([faint], scale, scale, label="")
    is_sure = np.ones(100, np.bool_)
    assert not any(line.is_path for line in sure_and_guessed(x, y, is_sure, "left", "wrist"))


def test_a_legend_tells_raw_from_filtered_only_where_there_is_raw() -> None:
    assert "raw" not in legend(("left", "right"))
    assert "raw" in legend(("left",), has_raw=True)
    assert "left" in legend(("left",))
    assert "right" not in legend(("left",))


# Where somebody went


def test_what_is_only_predicted_does_not_move_the_body_centre() -> None:
    one = track(standing(60))
    for name in ("left_hip", "right_hip", "left_shoulder", "right_shoulder"):
        k = NAMES.index(name)
        one.state[20:30, k] = State.PREDICTED
        one.xy[20:30, k] += 3000.0
    figure = trajectories(one, NAMES, most=2000, limbs=COCO17.limbs)
    (center,) = curves_of(figure, "middle")
    assert len(center) == 2  # before and after
    assert np.ptp(np.concatenate(center), axis=0).max() < 0.1
    assert "3000" not in "".join(labels_of(figure))


@pytest.mark.parametrize(("share", "ghosts"), [(0.5, 0), (0.7, 5)])
def test_grey_skeletons_are_of_moments_with_most_keypoints_seen(share: float, ghosts: int) -> None:
    one = track(standing(40))
    one.state[:, round(share * 17) :] = State.PREDICTED
    assert (
        len(curves_of(trajectories(one, NAMES, most=2000, limbs=COCO17.limbs), "ghost")) == ghosts
    )


def test_grey_skeletons_grow_stronger_with_time() -> None:
    figure = trajectories(walker(), NAMES, most=2000, limbs=COCO17.limbs)
    fades = re.findall(r'class="ghost" opacity="([^"]*)"', figure)
    assert list(map(float, fades)) == pytest.approx([0.32, 0.44, 0.56, 0.68, 0.8], abs=0.011)


def test_the_leftmost_place_of_a_long_way_is_drawn() -> None:
    xy = standing(3000)
    xy[1537, :, 0] -= 200.0
    figure = trajectories(track(xy), NAMES, most=90)
    middle = np.concatenate(curves_of(figure, "middle(?: dense)?")[0])
    wrist = np.concatenate(curves_of(figure, "left way(?: dense)?")[0])
    assert middle[:, 0].min() < middle[:, 0].max() - 20
    assert wrist[:, 0].min() < wrist[:, 0].max() - 20


# Speeds and angles


def test_the_fastest_movement_reaches_nine_tenths_of_the_chart() -> None:
    xy = standing(300)
    xy[:, :, 0] += 100 * np.sin(2 * np.arange(300) / 30)[:, None]
    figure = speeds(track(xy), NAMES, 270.0, most=2000)
    (center,) = curves_of(figure, "middle")
    top = np.concatenate(center)[:, 1].min()
    assert top == pytest.approx(100 - 100 / 1.1, abs=1.0)
    assert "Fastest: wrists 200 px/s, ankles 200 px/s, body centre 200 px/s." in figure


def test_one_wild_jump_does_not_flatten_the_speeds() -> None:
    xy = standing(3000)
    xy[:, :, 0] += 100 * np.sin(2 * np.arange(3000) / 30)[:, None]
    xy[1000, NAMES.index("left_wrist")] += 5000.0
    figure = speeds(track(xy), NAMES, 270.0, most=2000)
    (right,) = (c for c in curves_of(figure, "right")[:1])
    assert np.concatenate(right)[:, 1].min() < 15  # its peaks are near the top


@pytest.mark.parametrize(
    ("forearm_px", "height_px", "is_drawn"),
    [(3.0, 200.0, False), (6.0, 200.0, True), (0.8, np.nan, False), (1.5, np.nan, True)],
)
def test_a_forearm_that_points_at_the_camera_has_no_angle(
    forearm_px: float, height_px: float, *, is_drawn: bool
) -> None:
    """Shorter than two hundredths of the body, or than a pixel where that is not known."""
    xy = standing(20)
    for side in ("left", "right"):
        xy[:, NAMES.index(f"{side}_wrist")] = xy[:, NAMES.index(f"{side}_elbow")] + (forearm_px, 0)
    figures = angles(track(xy), NAMES, height_px, most=2000)
    assert figures[0].startswith("<figure><h3>Elbow angle")
    assert bool(curves_of(figures[0], "left")) == is_drawn


@pytest.mark.parametrize(("guessed", "pieces"), [(0, [[100], []]), (20, [[32.2, 32.2], [35.6]])])
def test_a_trunk_is_drawn_as_guessed_only_where_a_part_of_it_is(
    guessed: int, pieces: list[list[float]]
) -> None:
    one = track(standing(60))
    one.state[20 : 20 + guessed, NAMES.index("left_hip")] = State.PREDICTED
    figure = angles(one, NAMES, 200.0, most=2000)[-1]
    assert "Trunk angle" in figure
    for kind, wide in zip(("middle", "middle guess"), pieces, strict=True):
        found = [piece for curve in curves_of(figure, kind) for piece in curve]
        assert [np.ptp(piece[:, 0]) for piece in found] == pytest.approx(wide, abs=0.1)


def test_the_ratio_of_the_jitter_stands_out_from_the_table() -> None:
    one = noisy()
    cells = re.findall(r'<td class="ratio">', checks.jitter_table(one, NAMES, jitter(one, 300.0)))
    assert len(cells) == 2 * len(NAMES)


def test_a_still_knee_does_not_tremble_over_the_whole_chart() -> None:
    xy = standing(60)
    xy[:, NAMES.index("left_ankle"), 0] += np.tile([0.0, 2.0], 30)  # about a degree
    (knee,) = (f for f in angles(track(xy), NAMES, 270.0, most=2000) if "Knee" in f)
    assert labels_of(knee)[-3:] == ["170", "180", "190"]


def test_a_curve_breaks_where_the_person_was_away() -> None:
    figure = positions(with_breaks(walker()), NAMES, "knee", most=2000)
    assert [len(pieces) for pieces in curves_of(figure, "left")] == [2, 2]


# Quality


def bars_of(html: str, kind: str) -> np.ndarray:
    """(N, 2) begin and end of the bars of a class, per cent of the axis."""
    found = re.findall(rf'<rect class="{kind}" x="([\d.]+)%"[^>]* width="([\d.]+)%"', html)
    edges = np.array(found, np.float64).reshape(-1, 2)
    return np.stack((edges[:, 0], edges.sum(axis=1)), axis=1)


def test_the_sentence_below_the_frame_times_is_true() -> None:
    time_s = np.concatenate(([0.0], np.arange(1, 101).cumsum() / 1000))  # 1 to 100 ms
    one = track(standing(101))
    one.time_s[:] = time_s
    assert "Half take up to 50.5 ms, 99 % up to 99.0 ms." in checks.timing_histogram(timing([one]))


def test_an_even_camera_is_one_peak_in_the_middle() -> None:
    (peak,) = bars_of(checks.timing_histogram(timing([track(standing(60))])), "bar")
    assert 45 < peak.mean() < 55


def test_frames_that_came_late_are_bars_on_the_right() -> None:
    one = track(standing(1001))
    one.time_s[:] += 0.1 * np.searchsorted([200, 400, 600, 800, 900], np.arange(1001), "right")
    bars = bars_of(checks.timing_histogram(timing([one])), "bar")
    assert bars[-1, 1] > 98
    assert bars[-1, 0] - bars[-2, 1] > 50


def test_a_single_frame_is_a_bar_that_can_be_seen() -> None:
    edges = np.array([0.0, 10.0, 20.0])
    heights = [
        list(
            map(
                float,
                re.findall(r'height="([\d.]+)%"', histogram(edges, counts, unit="", label="")),
            )
        )
        for counts in (np.array([1.0, 0.0]), np.array([9999.0, 1.0]))
    ]
    assert heights[0][:1] == [100]
    # Of 150 pixels.
    assert min(heights[1]) * 1.5 == pytest.approx(0.9, abs=0.3)


@pytest.mark.parametrize(("away", "bars"), [(12, 1), (21, 2)])
def test_who_was_away_for_half_a_second_has_two_bars(away: int, bars: int) -> None:
    one = track(standing(20), frame=[*range(10), *range(9 + away, 19 + away)])
    figure = checks.timeline([one], set(), timing([one]))
    assert len(bars_of(figure, "bar")) == bars
    assert bars_of(figure, "bar")[0, 0] == 0
    assert bars_of(figure, "bar")[-1, 1] == pytest.approx(100, abs=0.1)


# The head of a section


def test_the_tile_names_the_keypoint_that_was_seen_least() -> None:
    one = noisy(100)
    one.state[:60, NAMES.index("right_knee")] = State.PREDICTED
    page = build_page(recording(one))
    assert "<b>40.0%</b>of the one seen least: right knee" in page
    assert "<b>96.2%</b>of all keypoint positions measured" in page


def test_who_has_no_section_is_said_only_where_somebody_has_none() -> None:
    few = build_page(recording(noisy(30), noisy(30, person=2)))
    assert "were recorded; the" not in few
    crowd = [noisy(20 + n, person=n) for n in range(1, MOST_SECTIONS + 3)]
    assert "14 people were recorded; the 12 who were followed longest" in build_page(
        recording(*crowd)
    )


def test_without_the_networks_own_positions_the_page_explains_less() -> None:
    known, wide = walker(), walker()
    wide.raw_xy[:] = np.nan
    assert "Predicted is the filter" in checks.gaps(known, NAMES)
    assert "refused counts as measured" in checks.gaps(wide, NAMES)
    assert "Bold should run" in positions(known, NAMES, "wrist", most=2000)
    assert "Look for steps" in positions(wide, NAMES, "wrist", most=2000)
    assert ">recorded<" in build_page(recording(known))
    assert ">not recorded<" in build_page(recording(wide))


def test_without_what_the_network_said_the_jitter_table_has_no_ratio() -> None:
    one = noisy()
    one.raw_xy[:] = np.nan
    said = checks.jitter_table(one, NAMES, jitter(one, 300.0))
    assert "raw" not in said
    assert 'class="ratio"' not in said
    rows = [row.count("<td") for row in said.split("<tr>") if "<td" in row]
    assert rows == [3] * len(NAMES)  # frames at rest, and the filtered jitter at each of two scales
