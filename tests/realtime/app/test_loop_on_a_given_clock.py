"""What the loop shows and counts, to the millisecond, on a clock that is given to it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from steadypose.realtime.command.summary import figures, summary, write_figures
from steadypose.realtime.datatypes import FloatArray, Pose
from steadypose.realtime.smooth.angles import NAMES
from steadypose.realtime.tracking.pipeline import Crops
from tests.support.scripted import make_loop

Patch = pytest.MonkeyPatch
FRAMES: list[float | None] = [n / 30 for n in range(8)]


def one_by_one(count: int = 8, *, fps: float = 30.0) -> list[float | None]:
    """Frames, after each of which there is none for now: it is delivered at once."""
    return [time_s for n in range(count) for time_s in (n / fps, None)]


# What it says.


def test_the_picture_says_how_old_it_is(monkeypatch: Patch) -> None:
    loop = make_loop(monkeypatch, FRAMES[:1], age_s=0.08)
    loop.app.run()
    assert loop.texts[0][1] == "80 ms old  0 dropped"


def test_the_age_in_the_summary_counts_until_the_picture_is_shown(monkeypatch: Patch) -> None:
    loop = make_loop(
        monkeypatch,
        one_by_one(),
        age_s=0.08,
        prepare_s=0.004,
        track_s=0.002,
        draw_s=0.01,
        show_s=0.03,
    )
    loop.source.dropped = 3
    loop.app.run()
    found = figures(loop.app)
    assert found["frame_age_ms_p50"] == pytest.approx(126.0)
    assert found["frame_age_ms_p95"] == pytest.approx(126.0)
    assert "frame age p50 126 ms, p95 126 ms; 3 dropped" in "\n".join(summary(loop.app))


def test_each_stage_is_told_what_it_took(monkeypatch: Patch, tmp_path: Path) -> None:
    loop = make_loop(monkeypatch, FRAMES[:], track_s=0.002, draw_s=0.01, show_s=0.03)
    clock, real = loop.clock, loop.app.outputs

    class Slow:
        is_recording = wants_video = True

        def write_poses(self, *_: object) -> None:
            clock.passes(0.004)

        def write_picture(self, *_: object) -> None:
            clock.passes(0.003)

        def describe(self) -> str:
            return real.describe()

    complete = loop.app.pipeline.complete

    def noted(crops: Crops, found: FloatArray) -> None:
        complete(crops, found)
        crops.crop_ms, crops.engine_ms = 1.5, 6.0

    loop.app.pipeline.complete = noted  # type: ignore[method-assign]
    loop.app.outputs = Slow()  # type: ignore[assignment]
    loop.app.run()
    write_figures(loop.app, tmp_path / "f.json")
    stages = json.loads((tmp_path / "f.json").read_text())["stages_ms"]
    wanted = {"record": 7.0, "draw": 10.0, "show": 30.0, "track": 2.0, "crop": 1.5, "engine": 6.0}
    assert {name: stage["p50"] for name, stage in stages.items()} == pytest.approx(wanted, abs=1e-3)
    assert {name: stage["p95"] for name, stage in stages.items()} == pytest.approx(wanted, abs=1e-3)


def test_the_time_outside_the_engine_and_the_source_is_overhead(monkeypatch: Patch) -> None:
    loop = make_loop(monkeypatch, FRAMES[:], prepare_s=0.005, track_s=0.002, draw_s=0.01)
    real, start = loop.source.read, loop.app.pipeline.start

    def slow_read(timeout_s: float) -> object:
        loop.clock.passes(0.1)
        return real(timeout_s)

    def slow_start(crops: Crops) -> None:
        loop.clock.passes(0.03)
        start(crops)

    loop.source.read = slow_read  # type: ignore[assignment, method-assign]
    loop.app.pipeline.start = slow_start  # type: ignore[method-assign]
    loop.app.run()
    assert figures(loop.app)["overhead_ms_p50"] == pytest.approx(17.0, abs=0.01)
    assert "the loop's own work 17.00 ms" in "\n".join(summary(loop.app))


def test_rate_start_and_work_are_told_of_the_frames_between_first_and_last(
    monkeypatch: Patch,
) -> None:
    loop = make_loop(monkeypatch, [None, None, *one_by_one()], prepare_s=0.05)
    loop.app.run()
    found = figures(loop.app)
    assert found["frames"] == 8
    assert found["fps"] == pytest.approx(20.0)
    assert found["first_frame_s"] == pytest.approx(0.15)  # two waits, one preparation
    # Half a core is busy: two waits at the beginning, eight frames and the look at the end.
    worked_ms = 0.5e3 * (loop.clock.now_s - 1000.0)
    assert found["cpu_ms_per_frame"] == pytest.approx(worked_ms / 8)


@pytest.mark.parametrize("is_smooth", [True, False])
def test_how_certain_an_angle_is_is_known_of_filtered_positions_alone(
    monkeypatch: Patch, *, is_smooth: bool
) -> None:
    told: list[object] = []

    class Angles:
        def of_poses(
            self, poses: list[Pose], covariances: object, _time_s: float
        ) -> list[FloatArray]:
            told.append(covariances)
            return [np.full((len(NAMES), 2), np.nan) for _ in poses]

    loop = make_loop(monkeypatch, FRAMES[:2])
    loop.app.angles, loop.app.is_smooth = Angles(), is_smooth  # type: ignore[assignment]
    certain: Any = ["how certain"]
    monkeypatch.setattr(loop.app.pipeline, "covariances", lambda: certain, raising=False)
    loop.app.run()
    assert told == [certain if is_smooth else None] * 2


def test_a_single_frame_has_no_rate(monkeypatch: Patch) -> None:
    loop = make_loop(monkeypatch, FRAMES[:1], prepare_s=0.05)
    loop.app.run()
    assert loop.app.clock.fps == 0.0
    assert loop.app.clock.first_frame_s == pytest.approx(0.05)
    assert loop.app.clock.cpu_ms_per_frame == pytest.approx(0.5e3 * (loop.clock.now_s - 1000.0))


def test_frames_between_which_no_time_passes_have_no_rate(monkeypatch: Patch) -> None:
    loop = make_loop(monkeypatch, FRAMES[:3])
    loop.app.run()
    assert loop.app.clock.frames == 3
    assert loop.app.clock.fps == 0.0


def test_the_progress_is_told_four_times_a_second(monkeypatch: Patch) -> None:
    told: list[tuple[float, int]] = []
    loop = make_loop(monkeypatch, one_by_one(200), prepare_s=0.01)
    loop.app.progress = lambda frames: told.append((loop.clock.now_s, frames))
    loop.app.run()
    assert 7 <= len(told) <= 8
    assert [frames for _, frames in told] == [round((at - 1000) * 100) for at, _ in told]
    assert np.diff([at for at, _ in told]) == pytest.approx(0.26, abs=0.011)


def test_figures_on_the_picture_stand_still_for_a_quarter_of_a_second(monkeypatch: Patch) -> None:
    loop = make_loop(monkeypatch, one_by_one(101, fps=100.0), prepare_s=0.01)
    loop.app.run()
    loop.app._caption.renew()
    changes = [n for n in range(1, 101) if loop.texts[n][0] != loop.texts[n - 1][0]]
    assert changes[0] in {25, 26, 27}  # "0 fps" at first
    assert loop.texts[60][0] == "100 fps  0.0 ms inference"


def test_a_message_is_shown_for_one_and_a_half_seconds(monkeypatch: Patch) -> None:
    loop = make_loop(monkeypatch, one_by_one(200, fps=100.0), keys=[(10, "k")], prepare_s=0.01)
    loop.app.run()
    shown = [n for n, message in enumerate(loop.messages) if message]
    assert loop.messages[shown[0]] == "smoothing off: raw keypoints"
    assert (shown[-1] - shown[0] + 1) / 100 == pytest.approx(1.5, abs=0.02)


# When it looks at the keyboard.


def test_a_key_waits_no_longer_than_a_twentieth_of_a_second_for_a_camera_that_gives_nothing(
    monkeypatch: Patch,
) -> None:
    loop = make_loop(monkeypatch, [None] * 20)
    loop.app.run()
    assert loop.clock.now_s - 1000.0 == pytest.approx(1.0)
    assert np.diff(loop.window.polled_s) == pytest.approx(0.05)


def test_a_paused_program_looks_for_keys_twenty_times_a_second_and_rests_between(
    monkeypatch: Patch,
) -> None:
    loop = make_loop(monkeypatch, FRAMES[:], keys=[(3, " "), *[(3, "")] * 20, (3, "q")])
    loop.app.run()
    assert sum(loop.clock.slept_s) == pytest.approx(1.0, abs=0.06)
    assert loop.clock.slept_s == pytest.approx([0.05] * len(loop.clock.slept_s))
    assert loop.app.clock.frames == 4  # one was in the engine


def test_a_live_frame_that_waits_to_be_shown_is_not_kept_waiting_for_the_next(
    monkeypatch: Patch,
) -> None:
    loop = make_loop(monkeypatch, [0.0, None, 0.1, None])
    loop.app.run()
    assert loop.source.waits_s[:4] == [0.05, 0.0, 0.05, 0.0]


def test_the_next_frame_of_a_file_is_waited_for_while_the_engine_works(monkeypatch: Patch) -> None:
    loop = make_loop(monkeypatch, FRAMES[:])
    loop.source.is_live = loop.source.is_paced = False
    loop.app.run()
    assert loop.source.waits_s == [0.05] * 8  # not a busy loop
    assert loop.app.clock.frames == 8


# Where people are drawn.


@pytest.mark.parametrize(
    ("age_s", "ahead_s"), [(0.02, 0.062), (0.058, 0.1), (0.15, 0.1), (5.0, 0.1)]
)
def test_people_are_drawn_where_they_will_be_when_seen_but_no_more_than_a_tenth_of_a_second_ahead(
    monkeypatch: Patch, age_s: float, ahead_s: float
) -> None:
    """The frame's age so far (2 ms of tracking are in it), and 10 + 30 ms to draw and show it."""
    loop = make_loop(
        monkeypatch,
        one_by_one(),
        age_s=age_s,
        track_s=0.002,
        draw_s=0.01,
        show_s=0.03,
        is_predicting=True,
    )
    loop.app.run()
    ahead = [then - now for now, then in loop.pipeline.asked]
    # Of the first frame nobody knows yet what drawing takes.
    assert ahead[0] == pytest.approx(min(0.1, age_s + 0.002))
    assert ahead[1:] == pytest.approx([ahead_s] * 7, abs=1e-6)
    assert loop.people == [[7]] * 8


def test_unless_told_to_nobody_is_drawn_ahead_or_mirrored_and_no_help_is_shown(
    monkeypatch: Patch,
) -> None:
    loop = make_loop(monkeypatch, FRAMES[:])
    loop.app.run()
    assert loop.people == [[1]] * 8
    assert not any(loop.mirrored + loop.has_help)
    assert not loop.pipeline.asked


def test_a_paused_picture_shows_people_on_themselves(monkeypatch: Patch) -> None:
    """Ahead of the frame they would stand beside themselves, in a picture that stands still."""
    loop = make_loop(
        monkeypatch, FRAMES[:3], keys=[(3, " "), (4, "q")], is_predicting=True, age_s=0.05
    )
    loop.app.run()
    assert loop.people == [[7], [7], [7], [1]]


def test_a_picture_of_a_lost_camera_shows_people_on_themselves_and_its_growing_age(
    monkeypatch: Patch,
) -> None:
    loop = make_loop(monkeypatch, [*FRAMES[:2], *[None] * 5], is_predicting=True)

    def unplug(reads: int) -> None:
        loop.source.trouble = "camera lost" if reads > 2 else None

    loop.source.on_read = unplug
    told: list[str] = []
    loop.app.say = told.append
    loop.app.run()
    assert loop.people[:2] == [[7], [7]]
    assert len(loop.people) > 4
    assert all(people == [1] for people in loop.people[2:])
    ages = [int(lines[1].split(" ms")[0]) for lines in loop.texts]
    assert ages[2:] == [50 * n for n in range(1, len(ages) - 1)]
    assert told == ["camera lost"]


class Page:
    """Those who watch elsewhere press a key after two pictures."""

    def __init__(self) -> None:
        self.told: list[Any] = []

    def pressed(self) -> list[str]:
        return ["k"] if len(self.told) == 1 else []

    def tell(self, state: Any) -> None:
        self.told.append(state)


def test_those_who_watch_elsewhere_press_keys_and_are_told_how_it_goes(monkeypatch: Patch) -> None:
    loop = make_loop(monkeypatch, FRAMES[:4])
    page = Page()
    loop.app.page = page  # type: ignore[assignment]
    loop.app.run()
    assert loop.people == [[1], [1], [2], [2]]
    assert [state.is_smooth for state in page.told[:4]] == [True, False, False, False]
    assert page.told[1].message == "smoothing off: raw keypoints"
    assert page.told[0].lines == loop.texts[0]


def test_a_slow_camera_that_is_not_lost_shows_each_picture_once(monkeypatch: Patch) -> None:
    loop = make_loop(monkeypatch, [0.0, *[None] * 4, 1.0, None, None], is_predicting=True)
    loop.app.run()
    assert loop.people == [[7], [7]]
    assert loop.window.shown == 2


def test_a_lost_camera_without_a_window_draws_nothing(monkeypatch: Patch) -> None:
    loop = make_loop(monkeypatch, [0.0, *[None] * 4])
    loop.window.is_window = False
    loop.source.trouble = "camera lost"
    loop.app.run()
    assert loop.people == []
    assert loop.window.shown == 0


def test_a_camera_that_comes_back_as_another_is_named(monkeypatch: Patch) -> None:
    loop = make_loop(monkeypatch, [n / 30 for n in range(8)])
    troubles = {2: ("lost", "scripted"), 3: (None, "scripted"), 4: ("lost", "scripted")}
    troubles |= {5: (None, "other"), 6: ("lost", "other"), 7: (None, "other")}

    def happens(reads: int) -> None:
        loop.source.trouble, loop.source.label = troubles.get(reads, (None, loop.source.label))

    loop.source.on_read = happens
    told: list[str] = []
    loop.app.say = told.append
    loop.app.run()
    back = "the camera is back"
    assert told == ["lost", back, "lost", f"{back}: other", "lost", back]


def test_the_corner_says_at_once_that_smoothing_is_off(monkeypatch: Patch) -> None:
    loop = make_loop(monkeypatch, FRAMES[:4], keys=[(2, "k"), (3, "k")])
    loop.app.run()
    assert ["smoothing off" in lines for lines in loop.texts] == [False, False, True, False]


def test_the_loss_and_the_return_of_a_camera_are_said_once_each(monkeypatch: Patch) -> None:
    loop = make_loop(monkeypatch, [0.0, *[None] * 4, *FRAMES[1:4]])

    def unplug(reads: int) -> None:
        loop.source.trouble = f"lost, try {reads}" if 2 <= reads <= 4 else None

    loop.source.on_read = unplug
    told: list[str] = []
    loop.app.say = told.append
    loop.app.run()
    assert told == ["lost, try 2", "the camera is back"]


def test_switching_the_filter_off_shows_raw_keypoints_from_the_next_frame_on(
    monkeypatch: Patch,
) -> None:
    loop = make_loop(monkeypatch, FRAMES[:], keys=[(2, "k"), (5, "k")])
    loop.app.run()
    assert loop.people == [[1], [1], [2], [2], [2], [1], [1], [1]]


def test_switching_the_filter_off_changes_a_paused_picture_at_once(monkeypatch: Patch) -> None:
    keys = [(3, " "), (4, "k"), (5, "k"), (6, "q")]
    loop = make_loop(monkeypatch, FRAMES[:3], keys=keys)
    loop.app.run()
    assert loop.people == [[1], [1], [1], [1], [2], [1]]
    assert loop.messages[3:] == ["paused", "smoothing off: raw keypoints", "smoothing on"]


def test_a_recorded_picture_shows_what_is_recorded_and_is_never_mirrored(
    monkeypatch: Patch,
) -> None:
    loop = make_loop(monkeypatch, FRAMES[:3], is_predicting=True, is_mirrored=True, age_s=0.05)
    recorded: list[list[Pose]] = []

    class Filming:
        is_recording = wants_video = True

        def write_poses(self, _: object, poses: list[Pose], *_more: object) -> None:
            recorded.append(poses)

        def write_picture(self, paint: object, _: float) -> None:
            paint()  # type: ignore[operator]

    loop.app.outputs = Filming()  # type: ignore[assignment]
    loop.app.run()
    assert loop.people == [[1], [7]] * 3
    assert loop.mirrored == [False, True] * 3
    assert [[pose.track_id for pose in poses] for poses in recorded] == [[1]] * 3
