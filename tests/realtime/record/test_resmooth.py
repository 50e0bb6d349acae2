"""The second pass: nearer to the truth than the filter, and safe with recordings."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.smoothing.report import hindsight
from benchmarks.smoothing.scene import Scene
from benchmarks.smoothing.simulator import make_scene
from steadypose.engines.skeletons.people import COCO17
from steadypose.realtime.datatypes import Pose, State
from steadypose.realtime.record.formats.entry import Entry
from steadypose.realtime.record.formats.reading import PersonTrack, read_recording
from steadypose.realtime.resmooth import _frame_hw, _look_again, main
from steadypose.realtime.smooth import second_pass as second
from steadypose.realtime.smooth.presets import make_smoother
from steadypose.realtime.smooth.second_pass import smooth_again
from tests.realtime.record.test_formats import FULL, record
from tests.realtime.tracking.test_legs import LEGS, at_a_desk


@pytest.fixture(scope="module")
def scene() -> Scene:
    return make_scene(77, seconds=12.0, fps=30.0, persons=2)


def entries_of(scene: Scene) -> list[Entry]:
    """What the app would have recorded of a scene."""
    smoother = make_smoother("balanced", 2, 17)
    entries = []
    for n, time_s in enumerate(scene.time_s):
        smoother.predict(float(time_s))
        smoother.update(scene.measured[n], scene.score[n], scene.size_px[n])
        poses = []
        for p in range(2):
            lost = smoother.state[p] == State.LOST
            xy = np.where(lost[:, None], np.nan, smoother.xy[p])
            raw = scene.measured[n, p]
            poses.append(Pose(xy, scene.score[n, p], raw, smoother.state[p].copy(), COCO17, p + 1))
        entries.append(Entry(n + 5, float(time_s), poses))
    return entries


def rmse(scene: Scene, p: int, found: np.ndarray) -> float:
    error = np.linalg.norm(found - scene.truth[:, p], axis=2)
    return float(np.sqrt(np.nanmean(error[:, scene.is_there[p]] ** 2)))


@pytest.mark.parametrize("name", FULL)
def test_a_recording_comes_nearer_to_the_truth(tmp_path: Path, scene: Scene, name: str) -> None:
    path = record(tmp_path / name, entries_of(scene))
    out = tmp_path / f"out{path.suffix}"
    assert main([str(path), str(out)]) == 0
    before, after = read_recording(path), read_recording(out)
    assert [person.person for person in after.people] == [1, 2]
    for p in range(2):
        a, b = before.people[p], after.people[p]
        np.testing.assert_array_equal(a.frame, b.frame)
        np.testing.assert_array_equal(a.raw_xy, b.raw_xy)
        np.testing.assert_array_equal(a.score, b.score)
        np.testing.assert_array_equal(np.isnan(b.xy[..., 0]), b.state == State.LOST)
        assert rmse(scene, p, b.xy) < 0.75 * rmse(scene, p, a.xy)


def test_the_second_pass_has_no_direction(scene: Scene) -> None:
    """Played backwards, a recording gives the same."""
    there, _ = smooth_again(
        scene.time_s, scene.measured[:, 0], scene.score[:, 0], scene.size_px[:, 0]
    )
    back, _ = smooth_again(
        -scene.time_s[::-1],
        scene.measured[::-1, 0],
        scene.score[::-1, 0],
        scene.size_px[::-1, 0],
    )
    away = np.linalg.norm(there - back[::-1], axis=2) / scene.height_px[0]
    assert np.nanpercentile(away, 99) < 0.01
    assert np.isfinite(hindsight(scene)).all()


def test_the_smoother_is_the_textbooks() -> None:
    """Against filterpy's Rauch-Tung-Striebel smoother, on one keypoint with a gap."""
    from filterpy.kalman import KalmanFilter

    from steadypose.realtime.smooth.motion_model import transition

    rng = np.random.default_rng(0)
    times = np.cumsum(rng.uniform(0.02, 0.05, 40))
    z = np.cumsum(rng.normal(0, 3, 40)) + 100
    variance, density, size = 9.0, 400.0, 200.0
    kalman = KalmanFilter(dim_x=2, dim_z=1)
    kalman.x, kalman.H = np.array(((z[0],), (0.0,))), np.array(((1.0, 0.0),))
    kalman.P = np.diag((4.0 * size**2, size**2))
    xs, ps, fs, qs = [], [], [], []
    for n in range(40):
        c, f, q00, q01, q11 = transition(float(times[n] - times[n - 1]) if n else 0.0, np.inf)
        kalman.F = np.array(((1.0, c), (0.0, f)))
        kalman.Q = density * np.array(((q00, q01), (q01, q11)))
        if n:
            kalman.predict()
        if not 15 <= n < 20:
            kalman.update(z[n], R=variance)
        xs.append(kalman.x)
        ps.append(kalman.P)
        fs.append(kalman.F)
        qs.append(kalman.Q)
    # filterpy takes the transition into a step from the row before it.
    expected = kalman.rts_smoother(np.array(xs), np.array(ps), Fs=np.array(fs), Qs=np.array(qs))[0]
    information = np.full((40, 1), 1 / variance)
    information[15:20] = 0.0
    measured = np.repeat(z[:, None, None], 2, axis=2)
    xy, velocity = second._rts(
        times, measured, information, np.full((40, 1), density), np.full(40, size)
    )
    np.testing.assert_allclose(xy[:, 0, 0], expected[:, 0, 0], atol=1e-6)
    np.testing.assert_allclose(velocity[:, 0, 1], expected[:, 1, 0], atol=1e-5)


def test_gaps_are_bridged_from_both_sides_and_long_ones_are_lost() -> None:
    times = np.arange(120) / 30.0
    path = np.repeat(np.stack((100 + 50 * times, np.full(120, 80.0)), 1)[:, None], 2, axis=1)
    score = np.full((120, 2), 0.9)
    score[40:50, 0] = 0.0
    score[40:100, 1] = 0.0
    measured = np.where((score > 0)[..., None], path, np.nan)
    xy, state = smooth_again(times, measured, score, np.full(120, 300.0))
    assert (state[40:50, 0] == State.PREDICTED).all()
    assert np.abs(xy[40:50, 0] - path[40:50, 0]).max() < 2.0
    assert state[70, 1] == State.LOST
    assert np.isnan(xy[70, 1]).all()
    assert (state[:40] == State.MEASURED).all()


def test_an_outlier_is_told_by_both_sides_and_a_jump_is_kept() -> None:
    times = np.arange(90) / 30.0
    path = np.full((90, 1, 2), 100.0)
    path[60:] = 400.0  # a cut in the film: it stays
    measured = path.copy()
    measured[30:32] += 250.0
    xy, _ = smooth_again(times, measured, np.full((90, 1), 0.9), np.full(90, 300.0))
    assert np.abs(xy[:57] - path[:57]).max() < 8.0
    assert np.abs(xy[63:] - path[63:]).max() < 8.0


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (["none.csv", "out.csv"], "No such file"),
        (["wide.csv", "out.csv"], "no raw positions"),
        (["long.csv", "long.csv"], "is the recording itself and would be destroyed"),
        (["long.csv", "out.txt"], "does not end in"),
        (["long.csv", "no/out.csv"], "does not exist"),
    ],
)
def test_a_mistake_is_a_sentence(
    tmp_path: Path,
    scene: Scene,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    what: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("wide.csv", "long.csv"):
        record(tmp_path / name, entries_of(scene)[:20])
    assert main(arguments) == 2
    said = capsys.readouterr().err
    assert what in said
    assert "  fix: " in said
    assert not (tmp_path / "out.csv").exists()


def test_what_the_tracker_refused_is_refused_again(tmp_path: Path) -> None:
    """A wrist that was found on somebody else for a second."""
    scene = make_scene(78, seconds=6.0, fps=30.0, persons=2)
    stolen = scene.measured.copy()
    wrist = COCO17.index("left_wrist")
    stolen[60:90, 0, wrist] += 1.5 * scene.height_px[0]
    path = record(tmp_path / "all.jsonl", entries_of(replace(scene, measured=stolen)))
    assert main([str(path), str(tmp_path / "out.jsonl")]) == 0
    person = read_recording(tmp_path / "out.jsonl").people[0]
    away = np.linalg.norm(person.xy[:, wrist] - scene.truth[:, 0, wrist], axis=1)
    assert np.nanmax(away) < 0.5 * scene.height_px[0]
    assert (person.state[65:85, wrist] != State.MEASURED).all()


def test_a_missing_number_spoils_nothing(scene: Scene) -> None:
    measured, score = scene.measured[:, 0].copy(), scene.score[:, 0].copy()
    plain, _ = smooth_again(scene.time_s, measured, score, scene.size_px[:, 0])
    measured[100, 5, 0] = np.nan
    score[150, 6] = np.nan
    times = scene.time_s.copy()
    times[201] = times[200]
    xy, state = smooth_again(times, measured, score, scene.size_px[:, 0])
    np.testing.assert_array_equal(np.isnan(xy[..., 0]), state == State.LOST)
    assert np.nanmax(np.abs(xy - plain)) < 0.1 * scene.height_px[0]


def test_equal_times_are_not_divided_by() -> None:
    xy, _ = smooth_again(
        np.zeros(10), np.full((10, 2, 2), 50.0), np.ones((10, 2)), np.full(10, 100.0)
    )
    np.testing.assert_allclose(xy, 50.0, atol=1e-6)


def test_an_outlier_at_the_end_is_not_believed_because_it_comes_first_backwards() -> None:
    times = np.arange(60) / 30.0
    path = np.full((60, 1, 2), 100.0)
    path[58:] += 200.0
    path[:2] -= 200.0
    xy, state = smooth_again(times, path, np.full((60, 1), 0.4), np.full(60, 300.0))
    assert np.abs(xy - 100.0).max() < 3.0
    assert (state[[0, 1, 58, 59]] == State.PREDICTED).all()


def test_a_person_is_never_smaller_than_eight_pixels() -> None:
    """Else the measurement noise, a share of the size, would be next to none."""
    xy = np.full((20, 17, 2), 50.0) + np.linspace(0.0, 0.5, 17)[:, None]
    seen, score = np.zeros((20, 17), np.int8), np.full((20, 17), 0.9)
    person = PersonTrack(1, np.arange(20), np.arange(20) / 30, xy, score, xy, seen)
    sizes, _ = _look_again(COCO17.keypoints, person, None)
    assert sizes == pytest.approx(np.full(20, 8.0))


@pytest.mark.parametrize("frame_hw", [None, (480, 640)])
def test_legs_that_the_run_left_out_are_left_out_again(frame_hw: tuple[int, int] | None) -> None:
    """The description beside the recording tells where the picture ends; else nobody knows."""
    pose = at_a_desk()
    pose[:, :2] *= 480 / 360
    pose[LEGS[0], 0] = pose[:, 0].min() - 1.0  # the outermost of all
    xy, score = (np.tile(part, (20, *[1] * part.ndim)) for part in (pose[:, :2], pose[:, 2]))
    measured = np.full(score.shape, State.MEASURED, np.int8)
    person = PersonTrack(1, np.arange(20), np.arange(20) / 30, xy, score, xy, measured)
    _, found = _look_again(COCO17.keypoints, person, frame_hw)
    kept = {k for k in range(17) if (found[:, k] > 0).all()}
    assert kept == (set(range(17)) if frame_hw is None else set(range(17)) - set(LEGS))


@pytest.mark.parametrize(
    ("said", "frame_hw"),
    [
        ([640, 480], (480, 640)),
        ([640], None),
        ("64x48", None),
        ([640.5, 480], None),
        (None, None),
    ],
)
def test_the_size_of_the_frame_is_what_the_description_says(
    tmp_path: Path, said: object, frame_hw: tuple[int, int] | None
) -> None:
    table = tmp_path / "a.csv"
    table.write_text("frame\n")
    assert _frame_hw(table) is None
    told = {"format": "steadypose", "frame_size_wh": said, "files": [{"names": ["a.csv"]}]}
    (tmp_path / "a.meta.json").write_text(json.dumps(told))
    assert _frame_hw(table) == frame_hw
