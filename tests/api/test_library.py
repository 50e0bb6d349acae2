"""``import steadypose``: what embedding programs rely on."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from numpy.typing import NDArray

import steadypose as sp
from steadypose.api import options as choosing
from steadypose.engines.backends.fake_engine import FAKE_SPEC, FakeEngine
from steadypose.engines.options import EngineOptions
from steadypose.realtime.model.places import ROOT
from steadypose.realtime.smooth.angles import JOINTS
from tests.support.drawn import write_picture
from tests.support.following import person

HW = (240, 320)


class Closing(FakeEngine):
    """An engine that sees one person in every crop, and counts what is left open."""

    left_open = 0

    def __init__(self) -> None:
        height, width = FAKE_SPEC.input_hw
        pose = person(width / 2, height=0.75 * height, floor=0.85 * height, score=0.9)
        super().__init__(
            answer=lambda crops: np.repeat(pose[None].astype(np.float32), len(crops), 0)
        )
        Closing.left_open += 1

    def close(self) -> None:
        super().close()
        Closing.left_open -= 1


@pytest.fixture
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a network."""
    Closing.left_open = 0
    monkeypatch.setattr(choosing, "open_model", lambda *_, **__: Closing())


def picture(value: int = 90) -> NDArray[np.uint8]:
    return np.full((*HW, 3), value, np.uint8)


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for n in range(12):
        write_picture(folder / f"{n:02d}.png", picture(60 + n))
    return folder


@pytest.mark.usefixtures("_quick")
def test_every_frame_of_a_file_comes_in_order_with_its_people(clip: Path) -> None:
    with sp.open(clip) as frames:
        assert (frames.frame_count, frames.is_live, frames.names[0]) == (12, False, "nose")
        found = [(frame.index, frame.image_bgr[0, 0, 0], len(frame.persons)) for frame in frames]
    assert [index for index, _, _ in found] == list(range(12))
    assert [value for _, value, _ in found] == list(range(60, 72))
    assert [people for _, _, people in found][-1] == 1
    assert Closing.left_open == 0


@pytest.mark.usefixtures("_quick")
def test_a_person_is_asked_by_name_and_cannot_be_changed(clip: Path) -> None:
    with sp.open(clip) as frames:
        frame = list(frames)[-1]
    (one,) = frame.persons
    x, y = one["left_wrist"]
    assert (x, y) == tuple(one.xy[one.names.index("left_wrist")])
    assert one.state_of("left_wrist") == "measured"
    left, top, right, bottom = one.box
    assert left <= x <= right
    assert top <= y <= bottom
    with pytest.raises(sp.Error, match="no keypoint 'tail'"):
        one["tail"]
    assert one.covariance.shape == (17, 2, 2)
    assert 0 < one.covariance[0, 0, 0] < 400
    for array in (one.xy, one.raw_xy, one.score, one.state, one.covariance, frame.image_bgr):
        assert not array.flags.writeable


@pytest.mark.usefixtures("_quick")
def test_drawing_is_a_copy_and_plain_values_are_json(clip: Path) -> None:
    with sp.open(clip) as frames:
        frame = list(frames)[-1]
    drawn = frame.draw()
    assert (drawn != frame.image_bgr).any()
    assert (frame.image_bgr == 71).all()
    told = json.loads(json.dumps(frame.to_dict()))
    assert told["frame"] == 11
    assert told["persons"][0]["keypoints"]["nose"][3] == "measured"


@pytest.mark.usefixtures("_quick")
def test_only_the_newest_frame_can_be_asked_what_comes_next(clip: Path) -> None:
    with sp.open(clip) as frames:
        first, second = next(iter(frames)), next(iter(frames))
        assert len(second.at(second.time_s + 0.05)) == len(second.persons)
        with pytest.raises(sp.Error, match="not the newest"):
            first.at(first.time_s + 0.05)


@pytest.mark.usefixtures("_quick")
def test_without_smoothing_nothing_is_said_that_the_filter_knows(clip: Path) -> None:
    with sp.open(clip, smooth="off") as frames:
        frame = next(f for f in frames if f.index == 5)
        (one,), (later,) = frame.persons, frame.at(frame.time_s + 0.05)
        np.testing.assert_array_equal(one.xy, one.raw_xy)
        np.testing.assert_array_equal(later.xy, one.xy)
        assert np.isnan(one.covariance).all()


@pytest.mark.usefixtures("_quick")
@pytest.mark.parametrize("after", [0, 1, 5])
def test_leaving_early_or_by_an_exception_closes_everything(clip: Path, after: int) -> None:
    before = threading.active_count()
    with pytest.raises(ZeroDivisionError), sp.open(clip) as frames:
        for frame in frames:
            if frame.index == after:
                1 / 0  # noqa: B018 - a user's mistake
    assert Closing.left_open == 0
    assert threading.active_count() == before


@pytest.mark.usefixtures("_quick")
def test_fifty_times_open_and_closed_leaves_no_thread_and_no_network(clip: Path) -> None:
    before = threading.active_count()
    for _ in range(50):
        with sp.open(clip) as frames:
            next(iter(frames))
    assert threading.active_count() == before
    assert Closing.left_open == 0


@pytest.mark.usefixtures("_quick")
def test_a_folder_with_a_broken_picture_gives_the_others_first(clip: Path) -> None:
    (clip / "11.png").write_bytes(b"no picture")
    seen: list[int] = []
    with pytest.raises(sp.Error, match="could not be read"), sp.open(clip) as frames:
        for frame in frames:
            seen.append(frame.index)  # noqa: PERF401 - what came before the error counts
    assert seen == list(range(11))
    assert Closing.left_open == 0


@pytest.mark.usefixtures("_quick")
def test_a_tracker_follows_pictures_of_ones_own() -> None:
    with sp.Tracker() as tracker:
        people = [tracker(picture(), time_s=n / 30).persons for n in range(10)]
        assert {one.id for one in people[-1]} == {1}
        with pytest.raises(sp.Error, match=r"time runs backwards by 0\.2 s"):
            tracker(picture(), time_s=0.1)
        for wrong_s in (float("nan"), float("inf")):
            with pytest.raises(sp.Error, match="is no time"):
                tracker(picture(), time_s=wrong_s)
        with pytest.raises(sp.Error, match="uint8"):
            tracker(np.zeros((4, 4)), time_s=9.0)  # type: ignore[arg-type]
        assert len(tracker(picture(), time_s=0.4).persons) == 1  # the bad one left no trace
    assert Closing.left_open == 0


@pytest.mark.usefixtures("_quick")
@pytest.mark.parametrize(
    ("options", "said"),
    [({"persons": 0}, "from 1 to 10"), ({"smooth": "silky"}, "balanced")],
)
def test_an_option_that_cannot_be_used_is_a_sentence(options: dict[str, object], said: str) -> None:
    with pytest.raises(sp.Error) as caught:
        sp.Tracker(**options)  # type: ignore[arg-type]
    assert said in caught.value.fix
    assert Closing.left_open == 0


def test_a_quality_that_does_not_exist_is_a_sentence() -> None:
    with pytest.raises(sp.Error, match="no quality 'superb'"):
        sp.Tracker(quality="superb")


@pytest.mark.slow
@pytest.mark.usefixtures("in_fp32")
def test_the_library_finds_exactly_what_the_app_records(tmp_path: Path) -> None:
    path = tmp_path / "app.csv"
    given = ["--source", "demo", "--max-frames", "40", "--headless", "--precision", "fp32"]
    given += ["--csv", str(path), "--csv-layout", "long"]
    subprocess.run([sys.executable, "run.py", *given], check=True, cwd=ROOT, capture_output=True)
    rows = list(csv.DictReader(path.read_text().splitlines()))
    found = []
    with sp.open("demo") as frames:
        for frame in frames:
            for one in frame.persons:
                for name, (x, y) in zip(one.names, np.round(one.xy, 2) + 0.0, strict=True):
                    found.append((str(frame.index), str(one.id), name, f"{x:.2f}", f"{y:.2f}"))
            if frame.index == 39:
                break
    recorded = [(r["frame"], r["person"], r["keypoint"], r["x"], r["y"]) for r in rows]
    assert [row for row in found if row[3] != "nan"] == [row for row in recorded if row[3]]
    assert {one.person for one in sp.read(path).people} == {1}
    assert "rows" in sp.convert(path, tmp_path / "b.jsonl") + " rows"
    assert sp.report(path).suffix == ".html"
    assert "smoothed" in sp.resmooth(path, tmp_path / "c.csv")


def test_importing_it_loads_nothing_heavy() -> None:
    code = (
        "import sys, steadypose\n"
        "heavy = {'numpy', 'cv2', 'openvino', 'onnxruntime', 'av'} & set(sys.modules)\n"
        "sys.exit(str(heavy) if heavy else 0)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], check=False, cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def test_every_name_leads_somewhere_and_no_other_does() -> None:
    for name in sp.__all__:
        assert getattr(sp, name) is not None
        assert name in dir(sp)
    with pytest.raises(AttributeError, match="no attribute 'oepn'"):
        sp.oepn  # noqa: B018


@pytest.mark.usefixtures("_quick")
def test_angles_are_asked_by_name_and_say_how_certain_they_are(clip: Path) -> None:
    with sp.open(clip) as frames:
        frame = list(frames)[-1]
    (one,) = frame.persons
    found = one.angles
    assert set(found) <= {*(f"{s}_{j}" for s in ("left", "right") for j in JOINTS), "trunk"}
    assert found["trunk"].degrees == pytest.approx(0, abs=20)
    assert 0 < found["left_knee"].std < 60
    assert one.angles == found  # asked twice, told the same
    (later,) = frame.at(frame.time_s + 0.05)
    assert later.angles == {}
    assert np.isnan(later.covariance).all()
    assert not later.covariance.flags.writeable
    assert (frame.draw(angles=True) != frame.draw()).any()


@pytest.mark.usefixtures("_quick")
def test_nobody_is_predicted_further_than_half_a_second(clip: Path) -> None:
    with sp.open(clip) as frames:
        frame = list(frames)[-1]
        soon, last, never = (frame.at(frame.time_s + later)[0].xy for later in (0.2, 0.5, 1e6))
    assert np.nanmax(np.abs(last - frame.persons[0].xy)) > 0, "the clip's end has somebody moving"
    assert (np.isnan(soon) == np.isnan(never)).all()
    np.testing.assert_array_equal(never, last)
    assert not np.array_equal(soon, last, equal_nan=True)


@pytest.mark.usefixtures("_quick")
def test_an_option_that_does_not_exist_is_a_sentence_with_the_nearest() -> None:
    with pytest.raises(sp.Error, match="no option 'person'") as caught:
        sp.Tracker(person=2)  # type: ignore[call-arg]
    assert caught.value.fix == "persons is what you mean"
    with pytest.raises(sp.Error, match="no option 'live'"):
        sp.open("demo", live=True)  # type: ignore[call-overload]
    assert Closing.left_open == 0


@pytest.mark.usefixtures("_quick")
def test_a_shared_network_is_closed_once_and_last(clip: Path) -> None:
    before = threading.active_count()
    with sp.Network(quality="fast") as network:
        assert Closing.left_open == 1
        with sp.open(clip, network=network) as frames, sp.Tracker(network=network) as tracker:
            for frame in frames:
                assert len(tracker(picture(), time_s=frame.time_s).persons) <= 1
            assert len(frame.persons) == 1
        assert Closing.left_open == 1
        with pytest.raises(sp.Error, match="has its own quality"):
            sp.Tracker(network=network, quality="best")
        left = sp.Tracker(network=network)
    assert Closing.left_open == 0
    assert threading.active_count() == before
    with pytest.raises(sp.Error, match="closed"):
        left(picture(), time_s=0.0)
    network.close()


@pytest.mark.parametrize(("quality", "wanted"), [("fast", 1), ("best", 3), (None, 3)])
def test_the_fast_network_takes_one_processor(
    monkeypatch: pytest.MonkeyPatch, quality: str | None, wanted: int
) -> None:
    asked = []

    def opened(*_: object, options: EngineOptions, **__: object) -> SimpleNamespace:
        asked.append(options.threads)
        return SimpleNamespace(engine=None, opened=SimpleNamespace(engine=None))

    monkeypatch.setattr("steadypose.realtime.model.threads.default_threads", lambda: 3)
    monkeypatch.setattr(choosing, "open_chosen", opened)
    monkeypatch.setattr(choosing, "open_best", opened)
    choosing.open_model(choosing.Chosen(quality=quality))
    assert asked == [wanted]


@pytest.mark.slow
def test_two_threads_that_share_a_network_find_what_each_finds_alone() -> None:
    with sp.open("demo") as frames:
        pictures = [(f.image_bgr, f.time_s) for f, _ in zip(frames, range(60), strict=False)]

    def follow(network: sp.Network, found: list[bytes]) -> None:
        with sp.Tracker(network=network) as tracker:
            for image, time_s in pictures:
                found.append(b"".join(p.xy.tobytes() for p in tracker(image, time_s=time_s)))

    with sp.Network(quality="fast") as network:
        alone: list[bytes] = []
        follow(network, alone)
        both: list[list[bytes]] = [[], []]
        threads = [threading.Thread(target=follow, args=(network, found)) for found in both]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(alone) == len(pictures)
    assert both == [alone, alone]


@pytest.mark.usefixtures("_quick")
@pytest.mark.parametrize("realtime", [False, True])
def test_closing_from_another_thread_ends_the_loop(*, realtime: bool) -> None:
    frames = sp.open("demo", realtime=realtime)
    seen: list[int] = []
    is_running = threading.Event()

    def loop() -> None:
        for frame in frames:
            seen.append(frame.index)
            is_running.set()

    thread = threading.Thread(target=loop)
    thread.start()
    assert is_running.wait(20)
    frames.close()
    thread.join(5)
    assert not thread.is_alive()
    assert Closing.left_open == 0
    assert list(frames) == []
    frames.close()


@pytest.mark.usefixtures("_quick")
def test_closing_within_the_loop_ends_it(clip: Path) -> None:
    frames = sp.open(clip)
    for frame in frames:
        if frame.index == 3:
            frames.close()
    assert frame.index == 3
    assert Closing.left_open == 0


@pytest.mark.usefixtures("_quick")
@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="counts open files there")
def test_opening_and_closing_leaves_threads_files_and_memory_as_they_were() -> None:
    resource = pytest.importorskip("resource")

    def cycle(count: int) -> None:
        for _ in range(count):
            with sp.open("demo") as frames:
                next(iter(frames))

    cycle(5)
    before = (threading.active_count(), len(list(Path("/proc/self/fd").iterdir())))
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    cycle(40)
    assert (threading.active_count(), len(list(Path("/proc/self/fd").iterdir()))) == before
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory < 40_000  # kB


@pytest.mark.usefixtures("_quick")
def test_what_another_library_needs_and_is_not_there_is_a_sentence(
    clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("supervision", "rerun", "pandas"):
        monkeypatch.setitem(sys.modules, module, None)
    with sp.open(clip) as frames:
        frame = list(frames)[-1]
    with pytest.raises(sp.Error, match="needs supervision") as caught:
        frame.to_supervision()
    assert caught.value.fix == "pip install supervision"
    with pytest.raises(sp.Error, match="needs rerun"):
        frame.to_rerun("camera")


@pytest.mark.usefixtures("_quick")
def test_supervision_takes_a_frame(clip: Path) -> None:
    supervision = pytest.importorskip("supervision")
    with sp.open(clip) as frames:
        first, *_, last = frames
    points = last.to_supervision()
    assert points.xy.shape == (1, 17, 2)
    assert points.data["tracker_id"].tolist() == [1]
    np.testing.assert_allclose(points.xy[0], np.nan_to_num(last.persons[0].xy), rtol=1e-5)
    drawn = supervision.VertexAnnotator().annotate(last.image_bgr.copy(), points)
    drawn = supervision.EdgeAnnotator().annotate(drawn, points)
    assert (drawn != last.image_bgr).any()
    assert len(first.to_supervision()) == len(first.persons)


@pytest.mark.usefixtures("_quick")
def test_rerun_takes_a_frame(clip: Path, tmp_path: Path) -> None:
    rerun = pytest.importorskip("rerun")
    stream = rerun.RecordingStream("steadypose_test")
    stream.save(tmp_path / "a.rrd")
    pictures = 0
    with sp.open(clip) as frames:
        for frame in frames:
            frame.to_rerun("camera", recording=stream)
            pictures += frame.image_bgr.nbytes
    stream.flush()
    stream.disconnect()
    data = (tmp_path / "a.rrd").read_bytes()
    assert b"/camera/persons/1/keypoints" in data
    assert len(data) < pictures / 3, "a viewer that is open for minutes keeps them all"


@pytest.mark.slow
def test_a_recording_becomes_a_table(tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    path = tmp_path / "a.csv"
    given = ["--source", "demo:2", "--persons", "2", "--max-frames", "12", "--headless"]
    given += ["--csv", str(path), "--csv-layout", "long"]
    subprocess.run([sys.executable, "run.py", *given], check=True, cwd=ROOT, capture_output=True)
    pandas.testing.assert_frame_equal(
        sp.read(path).to_pandas(), pandas.read_csv(path), check_dtype=False
    )


def test_a_network_that_several_sources_share_takes_all_processors(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = []

    def opened(*_: object, options: EngineOptions, **__: object) -> SimpleNamespace:
        asked.append(options.threads)
        return SimpleNamespace(engine=Closing())

    monkeypatch.setattr(choosing, "default_threads", lambda: 3)
    monkeypatch.setattr(choosing, "open_chosen", opened)
    with sp.Network(quality="fast"):
        pass
    assert asked == [3]
