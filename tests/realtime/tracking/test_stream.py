"""However a stream of frames ends, its reason is told, and the engine can be used again."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from steadypose.engines.backends.fake_engine import FAKE_SPEC, FakeEngine
from steadypose.engines.errors import EngineError, SourceError
from steadypose.realtime.tracking.pipeline import Pipeline
from steadypose.realtime.tracking.stream import Stream
from tests.support.scripted import Clock, ScriptedSource

ENDS = [KeyboardInterrupt("SIGINT"), EngineError("the engine failed", fix="none")]


def to_the_end(frames: Generator[int | None, None, None]) -> Iterator[int | None]:
    """All of a stream, which has to end."""
    for count, index in enumerate(frames):
        assert count < 1000, "it does not end"
        yield index


class EndingEngine(FakeEngine):
    """Ends at a chosen step with a chosen error; steps are counted once ``end`` is set."""

    end: BaseException | None = None
    where = ""

    def _pass(self, step: str) -> None:
        end = self.end
        if end is not None and step == self.where:
            self.end = None
            raise end

    def start(self, crops: NDArray[np.uint8]) -> None:
        self._pass("before start")
        super().start(crops)
        self._pass("after start")

    def _begin(self, crops: NDArray[np.uint8]) -> None:
        self._pass("in start")
        super()._begin(crops)

    def _answer(self) -> NDArray[np.float32]:
        self._pass("in finish")
        return super()._answer()

    def finish(self) -> NDArray[np.float32]:
        self._pass("before finish")
        found = super().finish()
        self._pass("after finish")
        return found


@pytest.mark.parametrize("end", ENDS, ids=lambda end: type(end).__name__)
@pytest.mark.parametrize("step", ["start", "finish"])
@pytest.mark.parametrize("when", ["before", "in", "after"])
@pytest.mark.parametrize("is_paced", [True, False], ids=["live", "file"])
def test_what_ends_a_stream_is_what_is_raised(
    *, is_paced: bool, when: str, step: str, end: BaseException
) -> None:
    engine = EndingEngine()
    engine.where = f"{when} {step}"
    source = ScriptedSource(Clock(), [0.1 * i for i in range(20)], is_paced=is_paced)
    frames = Stream(source, Pipeline(engine), lambda crops: crops.frame.index).run()
    seen = [next(frames) for _ in range(5)]
    engine.end = end
    with pytest.raises(type(end)) as raised:
        seen.extend(to_the_end(frames))
    assert raised.value is end
    done = [index for index in seen if index is not None]
    assert done == list(range(len(done)))
    assert len(done) < 8
    height, width = FAKE_SPEC.input_hw
    engine.infer(np.zeros((1, height, width, 3), np.uint8))  # nothing was left in it


@pytest.mark.parametrize("is_paced", [True, False], ids=["live", "file"])
def test_a_stream_that_is_left_leaves_nothing_in_the_engine(*, is_paced: bool) -> None:
    engine = FakeEngine()
    source = ScriptedSource(Clock(), [0.1 * i for i in range(20)], is_paced=is_paced)
    frames = Stream(source, Pipeline(engine), lambda crops: crops.frame.index).run()
    for _ in range(5):
        next(frames)
    frames.close()
    height, width = FAKE_SPEC.input_hw
    engine.infer(np.zeros((1, height, width, 3), np.uint8))


class CountingEngine(FakeEngine):
    """Counts batches that were awaited in one call, and all."""

    awaited = batches = 0
    seen: list[int]

    def infer(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        self.awaited += 1
        return super().infer(crops)

    def _begin(self, crops: NDArray[np.uint8]) -> None:
        self.batches += 1
        super()._begin(crops)


def run_to_its_end(script: list[float | None], *, is_paced: bool, **more: Any) -> CountingEngine:
    engine = CountingEngine()
    source = ScriptedSource(Clock(), script, is_paced=is_paced)
    seen = []
    stream = Stream(source, Pipeline(engine), lambda crops: crops.frame.index, **more)
    for index in to_the_end(stream.run()):
        if index == 0:
            engine.awaited = engine.batches = 0  # the first frame is searched
        seen.append(index)
    engine.seen = [index for index in seen if index is not None]
    return engine


def test_a_live_frame_that_comes_alone_is_awaited_in_one_call() -> None:
    alone = [time_s for i in range(20) for time_s in (0.1 * i, None)]
    engine = run_to_its_end(alone, is_paced=True)
    assert engine.awaited == engine.batches > 10


@pytest.mark.parametrize("is_paced", [True, False], ids=["live", "file"])
def test_work_on_the_last_frame_goes_on_while_the_engine_computes(*, is_paced: bool) -> None:
    engine = run_to_its_end([0.1 * i for i in range(20)], is_paced=is_paced)
    assert engine.awaited == 0
    assert engine.batches > 10


@pytest.mark.parametrize("is_paced", [True, False], ids=["live", "file"])
@pytest.mark.parametrize("gap", [[], [None]], ids=["at once", "with waits"])
def test_every_frame_comes_once_and_in_order_and_then_it_ends(
    *, is_paced: bool, gap: list[None]
) -> None:
    script = [time_s for i in range(20) for time_s in (0.1 * i, *gap)]
    assert run_to_its_end(script, is_paced=is_paced).seen == list(range(20))
    assert run_to_its_end([], is_paced=is_paced).seen == []


@pytest.mark.parametrize("is_paced", [True, False], ids=["live", "file"])
@pytest.mark.parametrize("limit", [1, 7])
def test_a_stream_ends_after_as_many_frames_as_are_wanted(*, is_paced: bool, limit: int) -> None:
    script: list[float | None] = [0.1 * i for i in range(20)]
    engine = run_to_its_end(script, is_paced=is_paced, limit=limit)
    assert engine.seen == list(range(limit))
    assert len(script) == 20 - limit, "no frame more is read"


@pytest.mark.parametrize("is_paced", [True, False], ids=["live", "file"])
def test_a_paused_stream_reads_nothing_and_goes_on_where_it_was(*, is_paced: bool) -> None:
    source = ScriptedSource(Clock(), [0.1 * i for i in range(6)], is_paced=is_paced)
    is_paused = [False]
    frames = Stream(
        source,
        Pipeline(FakeEngine()),
        lambda crops: crops.frame.index,
        may_read=lambda: not is_paused[0],
    ).run()
    seen = [next(frames) for _ in range(3)]
    is_paused[0] = True
    paused = [next(frames) for _ in range(10)]
    assert paused[-5:] == [None] * 5
    given = source.given
    next(frames)
    assert source.given == given
    is_paused[0] = False
    seen += [*paused, *to_the_end(frames)]
    assert [index for index in seen if index is not None] == list(range(6))


@pytest.mark.parametrize("is_paced", [True, False], ids=["live", "file"])
def test_a_source_that_fails_is_told_after_every_frame_before_it(*, is_paced: bool) -> None:
    source = ScriptedSource(Clock(), [0.1 * i for i in range(20)], is_paced=is_paced)

    def breaks(reads: int) -> None:
        if reads == 5:
            raise SourceError("the camera is broken", fix="another one")

    source.on_read = breaks
    frames = Stream(source, Pipeline(FakeEngine()), lambda crops: crops.frame.index).run()
    seen: list[int | None] = []
    with pytest.raises(SourceError, match="the camera is broken"):
        seen.extend(to_the_end(frames))
    assert [index for index in seen if index is not None] == list(range(4))
