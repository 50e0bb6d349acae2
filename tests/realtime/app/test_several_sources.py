"""Several sources in one process: each its own people, clock and files; one engine."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from numpy.typing import NDArray

import steadypose as sp
from steadypose.engines.backends.fake_engine import FakeEngine
from steadypose.engines.errors import EngineError, SourceError, UsageError
from steadypose.realtime import cli
from steadypose.realtime.app.display import NullDisplay
from steadypose.realtime.app.grid import Grid, compose
from steadypose.realtime.app.loop import App
from steadypose.realtime.app.many import Member, run_together
from steadypose.realtime.cli import main
from steadypose.realtime.command.options.command_line import build_parser, to_settings
from steadypose.realtime.command.several import each_of
from steadypose.realtime.command.stopping.signals import Stop
from steadypose.realtime.model.sharing import SharedEngine
from steadypose.realtime.record.live.message import Address
from steadypose.realtime.record.live.opening import LiveOptions, ServeOptions
from steadypose.realtime.record.outputs import Outputs
from steadypose.realtime.sources.live import LiveSource
from steadypose.realtime.tracking.pipeline import Pipeline

ONE = np.full((1, 64, 48, 3), 51, np.uint8)


def settings_of(*words: str):  # type: ignore[no-untyped-def]
    return to_settings(build_parser().parse_args(list(words)), None)


def test_each_source_has_its_own_files_and_names() -> None:
    given = settings_of(
        "--camera", "0", "--camera", "2", "--csv", "a/out.csv", "--jsonl", "o.jsonl"
    )
    first, second = each_of(given)
    assert [str(table.path) for table in first.tables] == ["a/out.cam0.csv", "o.cam0.jsonl"]
    assert [str(table.path) for table in second.tables] == ["a/out.cam2.csv", "o.cam2.jsonl"]
    assert (first.source.text, second.source.text) == ("0", "2")
    given = settings_of("--source", "a.mp4", "--source", "demo", "--save-video", "o.mp4")
    assert [one.video for one in each_of(given)] == [Path("o.source0.mp4"), Path("o.source1.mp4")]
    given = settings_of("--camera", "0", "--camera", "1", "--names", "left,right", "--csv", "o.csv")
    assert [str(one.tables[0].path) for one in each_of(given)] == ["o.left.csv", "o.right.csv"]


def test_one_source_keeps_its_names() -> None:
    given = settings_of("--camera", "1", "--csv", "out.csv")
    assert given.further == ()
    assert given.source.text == "1"
    assert str(given.tables[0].path) == "out.csv"


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (("--camera", "0", "--camera", "0"), "--camera 0 is given twice"),
        (("--source", "demo") * 17, "17 sources are too many"),
        (("--source", "a", "--source", "b", "--names", "x"), "--names has 1 names"),
        (("--source", "a", "--source", "b", "--names", "x,X"), "--names has 2 names"),
        (("--source", "a", "--source", "b", "--names", "x,../y"), "cannot be a name"),
        (("--camera", "0", "--source", "b"), "not allowed with"),
    ],
)
def test_mistakes_are_a_sentence(words: tuple[str, ...], what: str) -> None:
    with pytest.raises(UsageError, match=what):
        settings_of(*words)


@pytest.mark.parametrize("words", ["--camera 0 --source demo", "--source demo --camera 0"])
def test_a_camera_beside_another_source_is_shown_the_way(words: str) -> None:
    with pytest.raises(UsageError, match="not allowed with") as told:
        settings_of(*words.split())
    assert "--source 0 --source demo follows both" in told.value.fix
    given = settings_of("--source", "0", "--source", "demo")
    assert [one.text for one in (given.source, *given.further)] == ["0", "demo"]


def test_what_there_is_only_once_is_refused() -> None:
    with pytest.raises(UsageError, match="shows one picture"):
        each_of(settings_of("--camera", "0", "--camera", "1", "--virtual-camera"))
    with pytest.raises(UsageError, match="need files"):
        each_of(settings_of("--camera", "0", "--camera", "1", "--csv", "-"))


def test_several_sources_give_what_each_gives_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    common = ["--headless", "--max-frames", "12", "--precision", "fp32"]
    for kind in ("demo", "demo:2"):
        own = tmp_path / f"{kind[-1]}.csv"
        assert main(["--source", kind, "--persons", "2", "--csv", str(own), *common]) == 0
    both = ["--source", "demo", "--source", "demo:2", "--persons", "2", *common]
    figures = tmp_path / "f.json"
    given = ["--names", "one,two", "--csv", str(tmp_path / "o.csv"), "--benchmark", str(figures)]
    assert main([*both, *given]) == 0
    for name, alone in (("one", "o"), ("two", "2")):
        ours, theirs = (
            np.genfromtxt(tmp_path / path, delimiter=",", skip_header=1)
            for path in (f"o.{name}.csv", f"{alone}.csv")
        )
        np.testing.assert_allclose(ours, theirs, atol=0.1)
        assert json.loads((tmp_path / f"o.{name}.meta.json").read_text())["frames"] == 12
    told = json.loads(figures.read_text())
    assert {name: source["frames"] for name, source in told["sources"].items()} == {
        "one": 12,
        "two": 12,
    }
    said = capsys.readouterr()
    assert "one: 12 frames" in said.out
    assert "shared by 2 sources" in said.err


def test_where_the_page_of_several_sources_is_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("aiohttp")
    monkeypatch.setattr(cli, "open_for", lambda _settings: None)
    monkeypatch.setattr(cli, "_with_successors", lambda _taken, _settings: FakeEngine())
    words = ("--source", "demo", "--source", "demo:2", "--headless", "--max-frames", "2")
    live = LiveOptions(serve=ServeOptions(Address("127.0.0.1", 0)))
    assert cli.run(replace(settings_of(*words), live=live), Stop()) == 0
    assert re.search(r"^page: http://127\.0\.0\.1:\d+/", capsys.readouterr().err, re.MULTILINE)


@pytest.mark.parametrize("fails", [False, True])
def test_the_engine_of_several_sources_is_given_back_whatever_happens(
    monkeypatch: pytest.MonkeyPatch, *, fails: bool
) -> None:
    def no_window(**_: object) -> None:
        raise SourceError("no window", fix="none")

    engine = FakeEngine()
    monkeypatch.setattr(cli, "open_for", lambda _settings: None)
    monkeypatch.setattr(cli, "_with_successors", lambda _taken, _settings: engine)
    words = ("--source", "demo", "--source", "demo:2", "--headless", "--max-frames", "2")
    if fails:
        monkeypatch.setattr(cli, "open_display", no_window)
        with pytest.raises(SourceError, match="no window"):
            cli.run(settings_of(*words), Stop())
    else:
        assert cli.run(settings_of(*words), Stop()) == 0
    with pytest.raises(EngineError, match="closed"):
        engine.start(ONE)


def test_a_source_that_breaks_leaves_the_others(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "bad.mp4").write_bytes(b"x" * 100)
    words = ["--source", "demo", "--source", str(tmp_path / "bad.mp4"), "--headless"]
    assert main([*words, "--max-frames", "3"]) == 2, "what is no video is refused at once"
    assert "cannot be opened as a video" in capsys.readouterr().err


def test_what_waits_goes_into_one_batch() -> None:
    sizes: list[int] = []
    gate = threading.Event()

    def answer(crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        gate.wait(5.0)
        sizes.append(len(crops))
        found = np.zeros((len(crops), 17, 3), np.float32)
        found[:, :, 0] = crops[:, 0, 0, :1]
        return found

    shared = SharedEngine(lambda: FakeEngine(answer=answer))
    shares = [shared.share() for _ in range(5)]
    for number, share in enumerate(shares):
        share.start(np.full((number + 1, 64, 48, 3), number, np.uint8))
        if not number:
            time.sleep(0.05)  # the first is alone
    gate.set()
    for number, share in enumerate(shares):
        found = share.finish()
        assert found.shape == (number + 1, 17, 3)
        assert (found[:, :, 0] == number).all()
        assert share.others.shape[0] == number + 1
    assert sizes == [1, 2 + 3 + 4 + 5]
    assert shared.batches == [1, 4]
    for share in shares:
        share.close()
    shared.close()
    with pytest.raises(EngineError, match="closed"):
        shared.submit(ONE)


def test_a_common_batch_is_bounded_and_nobody_is_passed_over() -> None:
    gate = threading.Event()
    order: list[list[int]] = []

    def answer(crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        gate.wait(5.0)
        order.append(sorted({int(crop[0, 0, 0]) for crop in crops}))
        return np.zeros((len(crops), 17, 3), np.float32)

    shared = SharedEngine(lambda: FakeEngine(answer=answer))
    shares = [shared.share() for _ in range(6)]
    for number, share in enumerate(shares):
        share.start(np.full((6, 64, 48, 3), number, np.uint8))
        if not number:
            time.sleep(0.05)
    gate.set()
    for share in shares:
        share.finish()
        share.close()
    assert order == [[0], [1, 2], [3, 4], [5]]
    shared.close()


def test_a_failure_reaches_all_in_the_batch_and_no_other() -> None:
    def answer(crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        if crops.max() > 200:
            raise EngineError("broken", fix="mend it")
        return np.zeros((len(crops), 17, 3), np.float32)

    shared = SharedEngine(lambda: FakeEngine(answer=answer))
    share = shared.share()
    with pytest.raises(EngineError, match="broken"):
        share.infer(np.full_like(ONE, 255))
    assert share.infer(ONE).shape == (1, 17, 3)
    share.close()
    shared.close()


def test_an_engine_that_does_not_open_is_the_callers_error() -> None:
    def fail() -> FakeEngine:
        raise EngineError("no engine", fix="get one")

    with pytest.raises(EngineError, match="no engine"):
        SharedEngine(fail)


class Camera:
    """Delivers grey frames at a rate; it can be unplugged."""

    label, fps = "camera", 30.0

    def __init__(self, plugged: Callable[[], bool] = lambda: True) -> None:
        self.plugged = plugged
        if not plugged():
            raise SourceError("no camera", fix="plug it in")

    def read(self) -> tuple[NDArray[np.uint8], float] | None:
        if not self.plugged():
            return None
        time.sleep(1 / 60)
        return np.full((90, 160, 3), 90, np.uint8), time.perf_counter()

    def close(self) -> None:
        pass


def app_of(shared: SharedEngine, source: LiveSource, frames: int) -> App:
    pipeline = Pipeline(shared.share(), is_paced=True)
    outputs = Outputs(shared.spec.skeleton, 30.0, is_live=True)
    return App(source, pipeline, NullDisplay(), outputs, max_frames=frames)


def test_a_camera_that_is_lost_costs_the_others_nothing() -> None:
    is_there = threading.Event()
    is_there.set()
    shared = SharedEngine(lambda: FakeEngine(latency_s=0.002))
    sources = [LiveSource(Camera), LiveSource(lambda: Camera(is_there.is_set))]
    apps = [
        app_of(shared, source, frames) for source, frames in zip(sources, (60, 30), strict=True)
    ]
    members = [Member(f"cam{n}", app) for n, app in enumerate(apps)]
    threading.Timer(0.2, is_there.clear).start()
    threading.Timer(0.9, is_there.set).start()
    run_together(members, Grid(NullDisplay(), ["cam0", "cam1"]))
    assert [member.failure for member in members] == [None, None]
    assert [app.clock.frames for app in apps] == [60, 30]
    spacing = apps[0].clock.column("age")
    assert apps[0].clock.fps > 30, "the other waits for its camera, this one does not"
    assert np.nanpercentile(spacing, 95) < 200
    for source in sources:
        source.close()
    shared.close()


def test_those_who_watch_learn_that_a_source_has_ended() -> None:
    ended = []
    for run in (lambda: None, lambda: 1 / 0):
        page = SimpleNamespace(close=lambda: ended.append(1))
        member = Member("cam0", SimpleNamespace(run=run, page=page))  # type: ignore[arg-type]
        member.begin()
        member.thread.join()
    assert len(ended) == 2, "before the others have, and also where it failed"
    assert isinstance(member.failure, ZeroDivisionError)


def test_ctrl_c_ends_all() -> None:
    class Interrupted(NullDisplay):
        @property
        def is_window(self) -> bool:  # type: ignore[override]
            raise KeyboardInterrupt

    shared = SharedEngine(FakeEngine)
    source = LiveSource(Camera)
    member = Member("cam0", app_of(shared, source, 10**6))
    with pytest.raises(KeyboardInterrupt):
        run_together([member], Grid(Interrupted(), ["cam0"]))
    assert not member.thread.is_alive()
    source.close()
    shared.close()


def test_a_grid_shows_each_where_it_belongs() -> None:
    red, green, blue = (np.zeros((90, 160, 3), np.uint8) for _ in range(3))
    for channel, picture in enumerate((blue, green, red)):
        picture[..., channel] = 255
    small = half(green)
    canvas = compose([red, small, None, blue], ["a", "b", "c", "d"])
    assert canvas.shape == (180, 320, 3)
    assert canvas[45, 40].tolist() == [0, 0, 255]
    assert canvas[45, 200].tolist() == [0, 255, 0]
    assert canvas[135, 40].tolist() == [0, 0, 0]
    assert canvas[135, 200].tolist() == [255, 0, 0]
    assert compose([red] * 16, ["x"] * 16).shape == (360, 640, 3)
    assert compose([red], ["x"]).shape == (90, 160, 3)


def half(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.ascontiguousarray(picture[::2, ::2])


def test_keys_reach_every_source() -> None:
    class Pressed(NullDisplay):
        is_window = True
        shown = 0

        def pressed(self) -> list[str]:
            return ["q"]

        def show(self, image_bgr: NDArray[np.uint8], seen: object = None) -> None:
            self.shown += 1
            assert callable(seen)
            seen()

    window = Pressed()
    grid = Grid(window, ["a", "b"])
    marks: list[str] = []
    grid.tiles[1].show(np.zeros((9, 16, 3), np.uint8), lambda: marks.append("b"))
    grid.serve(0.0)
    assert [tile.pressed() for tile in grid.tiles] == [["q"], ["q"]]
    assert marks == ["b"]
    assert window.shown == 1
    grid.serve(0.0)
    assert window.shown == 1, "nothing new, nothing shown"


def test_the_library_opens_several() -> None:
    with sp.open(["demo", "demo:2"], persons=2) as frames:
        assert len(frames.sources) == 2
        seen = [(frame.source, frame.index) for frame, _ in zip(frames, range(12), strict=False)]
    assert {source for source, _ in seen} == {0, 1}
    for number in (0, 1):
        indices = [index for source, index in seen if source == number]
        assert indices == list(range(len(indices)))
        assert len(indices) >= 3, "none is passed over"
