"""A web address without a length: how long it is looked at, and what is a film then."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from steadypose.realtime.sources.video import web
from steadypose.realtime.sources.video.damage import Damage
from steadypose.realtime.sources.video.turning import UPRIGHT


class Sender:
    """An opened address on a clock of its own: a packet each tenth of a second.

    Args:
        film_s: Of the film (or the camera's picture), in each packet.
        size: Of a packet, bytes.
        formats: FFmpeg's names.
        packets: After so many it is over.
    """

    def __init__(
        self,
        film_s: float = 0.1,
        *,
        size: int = 1000,
        formats: frozenset[str] = frozenset({"mpegts"}),
        packets: int = 10_000,
    ) -> None:
        self.now_s, self.sent, self.formats = 100.0, 0, formats
        self._film_s, self._size, self._count = film_s, size, packets
        self.container: Any = SimpleNamespace(demux=self._demux)
        self.stream = SimpleNamespace(index=0, time_base=Fraction(1, 1000))

    def perf_counter(self) -> float:
        return self.now_s

    def _demux(self) -> Iterator[Any]:
        while self.sent < self._count:
            self.sent += 1
            self.now_s += 0.1
            pts = round(1000 * self._film_s * self.sent)
            yield SimpleNamespace(size=self._size, stream_index=0, pts=pts)
            # Its sound counts in another unit; and where a packet has no time, none is made up.
            yield SimpleNamespace(size=0, stream_index=1, pts=48 * pts)
            yield SimpleNamespace(size=0, stream_index=0, pts=None)


@pytest.fixture
def sender(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Sender:
    made = Sender(**request.param)
    monkeypatch.setattr(web, "time", made)
    return made


def is_film(sender: Sender) -> bool:
    return web._is_soon_over(sender)  # type: ignore[arg-type]


def times(sender: Sender) -> list[int]:
    """Of the film's packets, as they are read on."""
    read = [packet for packet in sender.container.demux() if packet.stream_index == 0]
    return [packet.pts for packet in read if packet.pts is not None]


PICTURES = frozenset({"mpjpeg"})


@pytest.mark.parametrize(
    ("sender", "packets"),
    [({}, 11), ({"formats": PICTURES}, 3), ({"size": 10_000_000}, 7)],
    indirect=["sender"],
    ids=["a second", "a quarter where pictures come", "64 MB"],
)
def test_a_camera_is_looked_at_for_a_moment_only(sender: Sender, packets: int) -> None:
    assert not is_film(sender)
    assert sender.sent == packets


@pytest.mark.parametrize("sender", [{"film_s": 1.25}], indirect=True)
def test_a_camera_that_first_sends_the_ten_seconds_it_kept_is_no_film(sender: Sender) -> None:
    assert not is_film(sender)  # 12.5 s of picture within 1.1


@pytest.mark.parametrize("sender", [{"film_s": 1.4}], indirect=True)
def test_what_comes_faster_than_any_camera_keeps_is_a_film(sender: Sender) -> None:
    assert is_film(sender)  # 14 s of picture within 1.1


@pytest.mark.parametrize("sender", [{"film_s": 1.4, "formats": PICTURES}], indirect=True)
def test_pictures_for_a_browser_are_a_camera_at_any_speed(sender: Sender) -> None:
    assert not is_film(sender)


@pytest.mark.parametrize("sender", [{"packets": 4}], indirect=True)
def test_what_ends_while_it_is_looked_at_is_a_film_of_which_nothing_is_missing(
    sender: Sender,
) -> None:
    assert is_film(sender)
    assert times(sender) == [100, 200, 300, 400]


@pytest.mark.parametrize("sender", [{"packets": 20}], indirect=True)
def test_what_was_looked_at_is_read_first_and_nothing_twice(sender: Sender) -> None:
    assert not is_film(sender)
    assert times(sender) == [100 * n for n in range(1, 21)]


def test_an_address_is_hung_up_where_somebody_does_not_wait_for_the_look(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    closes: list[bool] = []
    film = SimpleNamespace(size=0, duration_s=None, close=lambda: closes.append(True))

    def interrupted(_film: object) -> bool:
        raise KeyboardInterrupt

    monkeypatch.setattr(web, "open_address", lambda _url, **_: film)
    monkeypatch.setattr(web, "_is_soon_over", interrupted)
    with pytest.raises(KeyboardInterrupt):
        web.open_web("http://camera/video", is_paced=True)
    assert closes == [True]


def test_a_cameras_pictures_that_are_too_large_or_broken_are_passed_over() -> None:
    def picture(width: int, height: int, *, is_broken: bool = False) -> SimpleNamespace:
        return SimpleNamespace(
            width=width, height=height, is_broken=is_broken, is_corrupt=False, key_frame=True
        )

    def to_bgr(frame: SimpleNamespace) -> object:
        if frame.is_broken:
            raise ValueError("no picture")
        return np.full((frame.height, frame.width, 3), 7, np.uint8)

    camera: Any = object.__new__(web.WebCamera)
    frames = (picture(65_000, 65_000), picture(64, 48, is_broken=True), picture(64, 48))
    camera._frames, camera._to_bgr = iter(frames), to_bgr
    camera._turning, camera._damage = SimpleNamespace(of=lambda _frame: UPRIGHT), Damage()
    found = camera.read()
    assert found is not None
    assert found[0].shape == (48, 64, 3)
    assert camera.read() is None
