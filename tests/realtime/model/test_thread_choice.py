"""A camera's network gets as few CPU threads as keep up."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from steadypose.engines.backends.fake_engine import FakeEngine
from steadypose.engines.options import EngineOptions, default_threads, usable_cpus
from steadypose.engines.registry import Opened
from steadypose.realtime.command import engine_opening
from steadypose.realtime.command.engine_opening import open_for
from steadypose.realtime.command.settings import Settings
from steadypose.realtime.model.best_built import Taken
from steadypose.realtime.model.places import QUALITIES
from steadypose.realtime.model.threads import open_on_fewest
from steadypose.realtime.sources.opening import SourceOptions, is_camera
from tests.conftest import TINY_SPEC


class Slow(FakeEngine):
    """Takes so many milliseconds on one thread, and half of it on two."""

    def __init__(self, one_thread_ms: float, threads: int, *, backend: str = "fake") -> None:
        super().__init__(TINY_SPEC)
        self.took_ms = one_thread_ms / threads
        self.label = f"{backend} fp32"
        self.threads = threads
        self.calls = 0
        self.is_closed = False

    def infer(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        self.calls += 1
        return np.zeros((len(crops), 17, 3), np.float32)

    def close(self) -> None:
        self.is_closed = True


class Broken(Slow):
    """Fails as it is told."""

    error: BaseException

    def infer(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        raise self.error


@pytest.mark.parametrize(
    ("one_thread_ms", "persons", "hz", "threads"),
    [
        (10.0, 1, None, 1),
        (20.0, 1, None, 2),  # half of 33 ms is what it may take
        (20.0, 1, 15.0, 1),
        (10.0, 2, None, 2),
        (200.0, 1, None, 6),  # all there are, and no more
    ],
)
def test_as_few_threads_as_leave_half_of_the_time_between_frames(
    one_thread_ms: float, persons: int, hz: float | None, threads: int
) -> None:
    made = [Slow(one_thread_ms, 1)]

    def reopen(count: int) -> Opened:
        made.append(Slow(one_thread_ms, count))
        return Opened(made[-1])

    opened = open_on_fewest(Opened(made[0]), reopen, most=6, persons=persons, camera_hz=hz)
    assert made[-1].threads == threads
    assert opened.engine is made[-1]
    assert [engine.is_closed for engine in made] == [True] * (len(made) - 1) + [False]


def test_the_ready_time_covers_every_opening_and_every_trial_call(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now_s = 100.0
    monkeypatch.setattr("steadypose.realtime.model.threads.time.perf_counter", lambda: now_s)

    class Ticking(Slow):
        def infer(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
            nonlocal now_s
            now_s += 0.25
            return super().infer(crops)

    def reopen(count: int) -> Opened:
        nonlocal now_s
        now_s += 5.0
        return Opened(Ticking(20.0, count), ("of the second",), 5.0)

    first = Ticking(20.0, 1)
    opened = open_on_fewest(
        Opened(first, ("of the first",), 3.0), reopen, most=6, persons=1, camera_hz=None
    )
    assert opened.open_s == 3.0 + 5.0 + 0.25 * 2 * first.calls
    assert opened.passed_over == ("of the first",)


def test_tensorrt_is_opened_once_and_not_tried() -> None:
    first = Opened(Slow(1000.0, 1, backend="tensorrt 10.3.0"))
    opened = open_on_fewest(first, lambda _: pytest.fail("again"), most=6, persons=1, camera_hz=30)
    assert opened is first
    assert isinstance(opened.engine, Slow)
    assert (opened.engine.calls, opened.engine.is_closed) == (0, False)


@pytest.mark.parametrize("error", [KeyboardInterrupt(), ValueError("a bug")])
def test_an_engine_whose_trial_fails_or_is_interrupted_is_closed(error: BaseException) -> None:
    engine = Broken(1.0, 1)
    engine.error = error
    with pytest.raises(type(error)):
        open_on_fewest(
            Opened(engine), lambda _: pytest.fail("again"), most=6, persons=1, camera_hz=None
        )
    assert engine.is_closed


# What the command line opens.


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[object, ...]]:
    """What ``open_for`` asks of openers that are made up; six threads may be used."""
    calls: list[tuple[object, ...]] = []

    def best(*, backend: str, options: EngineOptions, is_auto_build: bool) -> Taken:
        calls.append(("best", backend, options.threads, is_auto_build))
        opened = Opened(Slow(40.0, options.threads), ("tensorrt: the build failed",), 0.0, "cpu")
        return Taken(Path("default.onnx"), opened, "a reason")

    def chosen(model: Path, *, backend: str, options: EngineOptions, is_auto_build: bool) -> Opened:
        calls.append((model.name, backend, options.threads, is_auto_build))
        return Opened(Slow(40.0, options.threads), (), 0.0, "cpu")

    def again(path: Path, *, backend: str, options: EngineOptions) -> Opened:
        calls.append((path.name, backend, options.threads))
        return Opened(Slow(40.0, options.threads), (), 0.0, "cpu")

    monkeypatch.setattr(engine_opening, "open_best", best)
    monkeypatch.setattr(engine_opening, "open_chosen", chosen)
    monkeypatch.setattr(engine_opening, "open_engine", again)
    monkeypatch.setattr(engine_opening, "default_threads", lambda: 6)
    monkeypatch.setattr("steadypose.realtime.model.threads.default_threads", lambda: 6)
    return calls


def test_for_a_camera_file_and_backend_are_chosen_once_and_then_only_threads_vary(
    asked: list[tuple[object, ...]],
) -> None:
    taken = open_for(Settings(has_chosen_model=False, is_auto_build=True))
    assert asked == [
        ("best", "auto", 1, True),
        ("default.onnx", "cpu", 2),
        ("default.onnx", "cpu", 4),
    ]
    assert (taken.model, taken.reason) == (Path("default.onnx"), "a reason")
    assert taken.opened.passed_over == ("tensorrt: the build failed",)
    assert isinstance(taken.opened.engine, Slow)
    assert taken.opened.engine.threads == 4


def test_for_a_camera_a_model_that_was_chosen_stays(asked: list[tuple[object, ...]]) -> None:
    open_for(Settings(model=Path("x.onnx"), source=SourceOptions("/dev/video2")))
    assert asked == [("x.onnx", "auto", 1, False), ("x.onnx", "cpu", 2), ("x.onnx", "cpu", 4)]


@pytest.mark.parametrize(("text", "threads", "wanted"), [("0", 3, 3), ("a.mp4", 0, 6)])
def test_threads_that_were_given_and_files_need_no_trial(
    asked: list[tuple[object, ...]], text: str, threads: int, wanted: int
) -> None:
    open_for(
        Settings(
            model=Path("x.onnx"), source=SourceOptions(text), engine=EngineOptions(threads=threads)
        )
    )
    assert asked == [("x.onnx", "auto", wanted, False)]


@pytest.mark.parametrize(("quality", "wanted"), [("fast", 1), ("balanced", 6), ("best", 6)])
def test_the_network_that_costs_least_takes_one_processor_of_a_file(
    asked: list[tuple[object, ...]], quality: str, wanted: int
) -> None:
    model = QUALITIES[quality]
    open_for(Settings(model=model, source=SourceOptions("a.mp4")))
    assert asked == [(model.name, "auto", wanted, False)]


def test_two_threads_that_were_asked_of_it_are_given(asked: list[tuple[object, ...]]) -> None:
    model = QUALITIES["fast"]
    open_for(Settings(model=model, source=SourceOptions("a.mp4"), engine=EngineOptions(threads=2)))
    assert asked == [(model.name, "auto", 2, False)]


# What a camera is.


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("0", True),
        ("/dev/video2", True),
        ("rtsp://x/y", True),
        ("RTSP://x/y", True),
        ("udp://x:1", True),
        ("a.mp4", False),
        ("http", False),  # a folder of that name
        ("demo", False),
        ("file:///tmp/a.mp4", False),
        ("gopher://x/y", False),
        ("http://x/video", False),  # a camera or a video: only connecting would tell
    ],
)
def test_what_comes_at_its_own_time(
    monkeypatch: pytest.MonkeyPatch, text: str, *, wanted: bool
) -> None:
    monkeypatch.setattr(
        "steadypose.realtime.sources.video.web.open_address", lambda *_, **__: pytest.fail("asked")
    )
    assert is_camera(SourceOptions(text)) is wanted


@pytest.mark.parametrize(("usable", "taken"), [(1, 1), (6, 6), (24, 8)])
def test_a_network_has_all_processors_but_no_more_than_eight(
    monkeypatch: pytest.MonkeyPatch, usable: int, taken: int
) -> None:
    monkeypatch.setattr("steadypose.engines.options.usable_cpus", lambda: usable)
    assert default_threads() == taken


def test_where_no_affinity_is_told_all_processors_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """macOS and Windows have none."""
    monkeypatch.delattr("os.sched_getaffinity", raising=False)
    for count, usable, threads in ((6, 6, 6), (12, 12, 8), (None, 1, 1)):
        monkeypatch.setattr("os.cpu_count", lambda count=count: count)
        assert (usable_cpus(), default_threads()) == (usable, threads)
