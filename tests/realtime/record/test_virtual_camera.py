"""People on a virtual camera, here one that only keeps what it is shown."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from steadypose.engines.errors import UsageError
from steadypose.engines.skeletons.people import COCO17
from steadypose.realtime import cli
from steadypose.realtime.app.draw import draw_poses
from steadypose.realtime.record.live.opening import LiveOptions, open_live
from tests.realtime.record.test_live import message

MODULE = "steadypose.realtime.record.live.virtual_camera"


class Kept:
    """What pyvirtualcam.Camera is, as far as it matters."""

    all: list[Kept] = []  # noqa: RUF012
    failure: Exception | None = None

    def __init__(self, width: int, height: int, fps: float, *, fmt: str) -> None:
        if Kept.failure is not None:
            raise Kept.failure
        assert fmt == "BGR"
        self.shape, self.shown, self.is_closed = (height, width, 3), [], False
        Kept.all.append(self)

    shown: list[NDArray[np.uint8]]

    def send(self, image: NDArray[np.uint8]) -> None:
        assert image.shape == self.shape
        assert not self.is_closed
        if Kept.failure is not None:
            raise Kept.failure
        self.shown.append(image)

    def close(self) -> None:
        self.is_closed = True


@pytest.fixture(autouse=True)
def _fake(monkeypatch: pytest.MonkeyPatch) -> None:
    module: Any = SimpleNamespace(Camera=Kept, PixelFormat=SimpleNamespace(BGR="BGR"))
    monkeypatch.setitem(sys.modules, "pyvirtualcam", module)
    monkeypatch.delitem(sys.modules, MODULE, raising=False)
    monkeypatch.setattr(Kept, "all", [])
    monkeypatch.setattr(Kept, "failure", None)


def test_it_shows_the_frame_in_its_own_size_with_people_drawn_in() -> None:
    live = open_live(LiveOptions(has_virtual_camera=True), COCO17, persons=1, draw=draw_poses)
    (sender,) = live._senders
    sent = message(0, 1)
    sender._channel.send(sent)
    first, second = Kept.all
    assert (first.is_closed, second.shape) == (True, (360, 640, 3))
    expected = np.zeros((360, 640, 3), np.uint8)
    draw_poses(expected, sent.poses)
    np.testing.assert_array_equal(second.shown[0], expected)
    assert sent.image_bgr is not None
    assert not sent.image_bgr.any()  # the run's own frame is as it was
    live.close()
    assert second.is_closed


def test_one_that_goes_is_opened_again(monkeypatch: pytest.MonkeyPatch) -> None:
    live = open_live(LiveOptions(has_virtual_camera=True), COCO17, persons=1)
    (sender,) = live._senders
    sender._channel.send(message(0))
    monkeypatch.setattr(Kept, "failure", RuntimeError("gone"))
    for _ in range(2):
        with pytest.raises(RuntimeError, match="gone"):
            sender._channel.send(message(1))
    monkeypatch.setattr(Kept, "failure", None)
    sender._channel.send(message(2))
    assert len(Kept.all[-1].shown) == 1
    live.close()


def test_without_one_it_is_a_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Kept, "failure", RuntimeError("backend:\n  no device"))
    assert cli.main(["--source", "demo", "--headless", "--virtual-camera"]) == 2
    assert "there is no virtual camera: backend: no device" in capsys.readouterr().err
    monkeypatch.delitem(sys.modules, MODULE)
    monkeypatch.setitem(sys.modules, "pyvirtualcam", None)
    with pytest.raises(UsageError, match="needs the package pyvirtualcam"):
        open_live(LiveOptions(has_virtual_camera=True), COCO17, persons=1)
