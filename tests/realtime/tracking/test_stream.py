"""However a stream of frames ends, its reason is told, and the engine can be used again."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from steadypose.engines.backends.fake_engine import FAKE_SPEC, FakeEngine
from steadypose.engines.errors import EngineError
from steadypose.realtime.tracking.pipeline import Pipeline
from steadypose.realtime.tracking.stream import Stream
from tests.support.scripted import Clock, ScriptedSource

ENDS = [KeyboardInterrupt("SIGINT"), EngineError("the engine failed", fix="none")]


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
        seen.extend(frames)
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
