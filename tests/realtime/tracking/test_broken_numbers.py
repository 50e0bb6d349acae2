"""A network that overflows says NaN; whoever is followed must not suffer from it."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from steadypose.engines.backends.fake_engine import FAKE_SPEC, FakeEngine
from steadypose.engines.registry import Opened
from steadypose.realtime import cli
from steadypose.realtime.datatypes import Frame, State
from steadypose.realtime.model.best_built import Taken
from steadypose.realtime.record.formats.reading import read_recording
from steadypose.realtime.tracking.pipeline import Pipeline
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


BROKEN = (math.nan, math.inf, -math.inf, 1e38, -1e38)


def answering(*numbers: float, when: range, where: slice = slice(None)) -> FakeEngine:
    """A network that gives these numbers, one after the other, in some of its batches."""
    sound, batches = FakeEngine(), iter(range(10**6))

    def answer(crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        found = sound._fixed_figure(crops)
        batch = next(batches)
        if batch in when:
            found[:, 3, where] = numbers[batch % len(numbers)]
        return found

    return FakeEngine(FAKE_SPEC, answer=answer)


def frames(count: int) -> list[Frame]:
    image = np.full((120, 160, 3), 200, np.uint8)
    return [Frame(image, n, n / 30, n / 30) for n in range(count)]


@pytest.mark.parametrize(
    "where", [slice(None), slice(0, 1), slice(2, 3)], ids=["all", "x", "score"]
)
@pytest.mark.parametrize("number", BROKEN)
def test_a_network_that_overflows_sees_nobody_and_that_is_said_once(
    number: float, where: slice
) -> None:
    said: list[str] = []
    pipeline = Pipeline(answering(number, when=range(10**6), where=where), say=said.append)
    assert [pipeline.process(frame) for frame in frames(20)] == [[]] * 20
    assert len(said) == 1
    assert "nobody is seen" in said[0]


@pytest.mark.parametrize(("number", "is_said"), [(9.9e4, False), (1.01e5, True)])
def test_a_place_is_none_from_a_hundred_thousand_pixels_on(number: float, *, is_said: bool) -> None:
    said: list[str] = []
    pipeline = Pipeline(answering(number, -number, when=range(10**6)), say=said.append)
    for frame in frames(3):
        pipeline.process(frame)
    assert bool(said) == is_said


def test_whoever_was_followed_is_followed_again_after_broken_frames() -> None:
    pipeline = Pipeline(answering(*BROKEN, when=range(40, 45)))
    ids = []
    for frame in frames(60):
        poses = pipeline.process(frame)
        ids += [pose.track_id for pose in poses]
        for pose in poses:
            assert np.isfinite(pose.xy[pose.state == State.MEASURED]).all()
            assert not np.isinf(pose.xy).any()
            assert np.isfinite(pose.score).all()
    assert set(ids) == {1}
    assert len(ids) > 50


@pytest.mark.parametrize("table", ["a.csv", "a.jsonl", "a.parquet"])
def test_nothing_is_recorded_that_cannot_be_read_back(
    tmp_path: Path,
    table: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    if table.endswith("parquet"):
        pytest.importorskip("pyarrow")
    engine = answering(*BROKEN, when=range(20, 30))
    opened = Opened(engine)
    monkeypatch.setattr(cli, "open_for", lambda settings: Taken(settings.model, opened))
    path = tmp_path / table
    option = f"--{path.suffix[1:]}"
    words = ["--source", "demo", "--headless", "--max-frames", "60", option, str(path)]
    assert cli.main(words) == 0
    assert capsys.readouterr().err.count("nobody is seen") == 1
    recording = read_recording(path)
    assert len(recording.people[0].frame) > 30


def test_a_run_leaves_the_cores_to_the_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """OpenCV would take them for crops, which are small."""
    counts: list[int] = []
    monkeypatch.setattr("cv2.setNumThreads", counts.append)
    opened = Opened(FakeEngine())
    monkeypatch.setattr(cli, "open_for", lambda settings: Taken(settings.model, opened))
    assert cli.main(["--source", "demo", "--headless", "--max-frames", "2"]) == 0
    assert counts[:1] == [1]
    assert set(counts) == {1}
