"""Files that are played at their own speed, as a camera would deliver them."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from types import SimpleNamespace

import numpy as np
import pytest
from numpy.typing import NDArray

from steadypose.realtime.datatypes import Frame
from steadypose.realtime.sources import files


def test_a_paced_file_gives_each_frame_at_its_time_and_never_an_old_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now_s = 100.0
    monkeypatch.setattr(files, "time", SimpleNamespace(perf_counter=lambda: now_s))
    image = np.zeros((4, 4, 3), np.uint8)
    source = files.FileSource(
        ((image, i / 10) for i in range(60)), label="x", fps=10, frame_count=60, is_paced=True
    )

    def frame() -> Frame:
        while (found := source.read(0.0)) is None:  # it is decoded on a thread
            time.sleep(0.001)
        return found

    assert frame().captured_s == 100.0
    now_s = 100.05
    assert source.read(0.0) is None
    now_s = 100.12
    assert source.read(0.0) is not None
    for index in range(2, 40):  # whoever needs 0.17 s for each
        now_s += 0.17
        late = frame()
        assert late.index == index
        assert now_s - late.captured_s < 0.06
    for index in range(40, 60):  # whoever is quick waits for each
        early_s, now_s = now_s, now_s + 0.04
        if index > 41:
            assert source.read(0.0) is None
        now_s = early_s + 0.100001
        assert frame().index == index
    source.close()


def test_decoding_ahead_sleeps_while_the_queue_is_full_of_large_frames(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    image = np.zeros((10, 10, 3), np.uint8)
    monkeypatch.setattr(files, "_AHEAD_BYTES", 2 * image.nbytes)
    begin, looks = threading.Event(), 0

    def pictures() -> Iterator[tuple[NDArray[np.uint8], float]]:
        begin.wait(10)
        for number in range(4):
            yield image, number / 10

    source = files.FileSource(pictures(), label="x", fps=10, frame_count=4, is_paced=False)
    take = source._take_bytes

    def counted(count: int) -> bool:
        nonlocal looks
        looks += 1
        return take(count)

    monkeypatch.setattr(source, "_take_bytes", counted)
    begin.set()
    time.sleep(0.15)
    assert looks <= 5  # two frames, and a look each tenth of a second
    assert [source.read(5.0) is not None for _ in range(5)] == [True] * 4 + [False]
    source.close()
