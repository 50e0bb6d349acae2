"""A camera's network gets as few CPU threads as keep up."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from engines.fake_engine import FakeEngine
from engines.registry import Opened
from realtime.best_built import Taken
from realtime.sources import SourceOptions, is_camera
from realtime.thread_choice import open_on_fewest
from tests.conftest import TINY_SPEC


class Slow(FakeEngine):
    """Takes so many milliseconds on one thread, and half of it on two."""

    def __init__(self, one_thread_ms: float, threads: int) -> None:
        super().__init__(TINY_SPEC)
        self._ms = one_thread_ms / threads
        self.threads = threads
        self.is_closed = False

    @property
    def took_ms(self) -> float:
        return self._ms

    def infer(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        return np.zeros((len(crops), 17, 3), np.float32)

    def close(self) -> None:
        self.is_closed = True


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
    made: list[Slow] = []

    def open_on(count: int) -> Taken:
        made.append(Slow(one_thread_ms, count))
        return Taken(Path("x.onnx"), Opened(made[-1]))

    taken = open_on_fewest(open_on, most=6, persons=persons, camera_hz=hz)
    assert made[-1].threads == threads
    assert taken.opened.engine is made[-1]
    assert [engine.is_closed for engine in made] == [True] * (len(made) - 1) + [False]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [("0", True), ("/dev/video2", True), ("rtsp://x/y", True), ("a.mp4", False), ("demo", False)],
)
def test_what_comes_at_its_own_time(text: str, *, wanted: bool) -> None:
    assert is_camera(SourceOptions(text)) is wanted
