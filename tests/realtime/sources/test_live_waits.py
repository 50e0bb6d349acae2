"""What a lost camera is said to do, and when it is tried again, on a given clock."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from steadypose.engines.errors import SourceError
from steadypose.realtime.sources.camera import CvDevice
from steadypose.realtime.sources.live import _BACK_OFF_S, Device, LiveSource


class Waits:
    """The event that ends a source, and the clock: waiting takes no time of ours."""

    def __init__(self, source: LiveSource, *, most: int = 50) -> None:
        self.source, self.most = source, most
        self.now_s = 5000.0  # the machine has been up for a while
        self.waited_s: list[float] = []
        self.said: list[str | None] = []

    def perf_counter(self) -> float:
        return self.now_s

    def is_set(self) -> bool:
        return len(self.waited_s) >= self.most

    def wait(self, seconds: float) -> bool:
        self.said.append(self.source.trouble)
        self.waited_s.append(seconds)
        self.now_s += seconds
        return self.is_set()


class Back:
    label, fps = "the camera, in another mode", 15.0

    def read(self) -> Any:
        return np.zeros((4, 4, 3), np.uint8), 0.0

    def close(self) -> None:
        pass


def lost(
    monkeypatch: pytest.MonkeyPatch, open_device: Callable[[], Device], *, most: int = 50
) -> tuple[LiveSource, Waits, Device | None]:
    """What a source does after its camera was lost, without its thread."""
    source = object.__new__(LiveSource)
    source._open_device, source._changed = open_device, threading.Condition()
    source.label, source._trouble, source._back_off_s = "the camera", None, _BACK_OFF_S
    source._arrived, source._offered_s = 0, 0.0
    waits = Waits(source, most=most)
    source._stop = waits  # type: ignore[assignment]
    monkeypatch.setattr("steadypose.realtime.sources.live.time", waits)
    return source, waits, source._reconnect(waits.now_s)


def test_a_lost_camera_says_for_how_long_and_is_tried_less_and_less_often(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tries = 0

    def open_device() -> Device:
        nonlocal tries
        tries += 1
        if tries < 7:
            raise SourceError("gone", fix="plug it in")
        return Back()

    source, waits, device = lost(monkeypatch, open_device)
    assert isinstance(device, Back)
    assert source.label == "the camera, in another mode"
    assert waits.waited_s == [0.5, 1.0, 2.0, 4.0, 8.0, 8.0, 8.0]
    assert waits.said == [
        f"camera lost {gone} s ago, reconnecting (try {number})"
        for number, gone in enumerate((0, 0, 2, 4, 8, 16, 24), 1)
    ]


def test_closing_ends_the_waiting_for_a_lost_camera(monkeypatch: pytest.MonkeyPatch) -> None:
    def open_device() -> Device:
        raise SourceError("gone", fix="plug it in")

    _, waits, device = lost(monkeypatch, open_device, most=3)
    assert device is None
    assert len(waits.waited_s) == 3


class Dark:
    """A camera that opens and gives nothing."""

    label, fps = "the camera", 30.0

    def __init__(self) -> None:
        self.is_asked, self.is_closed = threading.Event(), threading.Event()
        self.is_over = threading.Event()

    def read(self) -> Any:
        self.is_asked.set()
        self.is_over.wait(2.0)

    def close(self) -> None:
        self.is_closed.set()


def test_a_camera_that_gives_no_picture_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    device = Dark()
    stopped: list[bool] = []
    close = LiveSource.close

    def closed(source: LiveSource) -> None:
        stopped.append(True)
        device.is_over.set()
        close(source)

    monkeypatch.setattr(LiveSource, "close", closed)
    with pytest.raises(SourceError, match="no frame arrived"):
        LiveSource(lambda: device, first_frame_s=0.01)
    assert stopped
    assert device.is_closed.wait(2.0)


def test_a_camera_sets_the_pace_and_drops_what_comes_too_late() -> None:
    source = LiveSource(Back)
    try:
        assert source.is_live
        assert source.is_paced
    finally:
        source.close()


class Stamped:
    """A V4L2 capture whose driver stamps its pictures."""

    stamp_s = 0.0

    def getBackendName(self) -> str:  # noqa: N802 - OpenCV's name
        return "V4L2"

    def grab(self) -> bool:
        return True

    def get(self, _: int) -> float:
        return 1000.0 * self.stamp_s

    def retrieve(self) -> tuple[bool, object]:
        return True, np.zeros((4, 4, 3), np.uint8)


@pytest.mark.parametrize(
    ("age_s", "is_believed"), [(0.0, True), (0.7, True), (1.5, False), (-0.5, False)]
)
def test_a_driver_that_says_when_it_took_a_picture_is_believed_unless_it_cannot_be(
    monkeypatch: pytest.MonkeyPatch, age_s: float, *, is_believed: bool
) -> None:
    capture = Stamped()
    capture.stamp_s = 5000.0 - age_s
    clock = SimpleNamespace(perf_counter=lambda: 5000.0)
    monkeypatch.setattr("steadypose.realtime.sources.capture.device.time", clock)
    taken = CvDevice(capture, "the camera", 30.0).read()  # type: ignore[arg-type]
    assert taken is not None
    assert taken[1] == pytest.approx(5000.0 - age_s if is_believed else 5000.0)


class Blocking(Back):
    """A driver that waits ten seconds before it says that no frame came."""

    def __init__(self) -> None:
        self.goes = threading.Event()
        self.count = 0

    def read(self) -> Any:
        self.count += 1
        if self.count > 1:
            self.goes.wait(10.0)
        return super().read()


def trouble_of(source: LiveSource, *, is_wanted: bool) -> str | None:
    until_s = time.monotonic() + 5.0
    while bool(found := source.trouble) != is_wanted:
        assert time.monotonic() < until_s
        time.sleep(0.01)
    return found


def test_a_read_that_blocks_is_told_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("steadypose.realtime.sources.live._LATE_S", 0.2)
    device = Blocking()
    source = LiveSource(lambda: device)
    trouble_of(source, is_wanted=False)
    assert trouble_of(source, is_wanted=True) == "no frame for 0 s, waiting"
    device.goes.set()
    trouble_of(source, is_wanted=False)
    source.close()


def test_the_end_waits_two_seconds_for_a_camera_that_does_not_answer() -> None:
    waited: list[float] = []
    source = object.__new__(LiveSource)
    source._stop = threading.Event()
    source._thread = SimpleNamespace(join=lambda *, timeout: waited.append(timeout))  # type: ignore[assignment]
    source.close()
    assert waited == [2.0]
    assert source.is_over
