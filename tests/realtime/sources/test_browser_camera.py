"""Pictures that a page sends: when they were taken, and which of them are looked at."""

from __future__ import annotations

import math
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from steadypose.realtime.sources import browser
from steadypose.realtime.sources.browser import BrowserDevice, Inlet
from steadypose.realtime.sources.pictures import decode_picture

GRAY = np.full((48, 64, 3), 90, np.uint8)


@pytest.mark.parametrize(
    ("age_s", "taken_s"),
    [(0.5, 99.5), (4.9, 95.1), (60.0, 95.0), (-0.5, 100.0), (math.nan, 100.0), (math.inf, 100.0)],
)
def test_a_picture_is_as_old_as_its_page_says_where_that_can_be(
    monkeypatch: pytest.MonkeyPatch, age_s: float, taken_s: float
) -> None:
    monkeypatch.setattr(browser, "time", SimpleNamespace(perf_counter=lambda: 100.0))
    inlet = Inlet()
    assert inlet.put(inlet.connect(), b"picture", age_s)
    assert inlet.take(0.0) == (b"picture", taken_s)
    assert inlet.take(0.0) is None


def test_of_a_page_that_has_gone_or_was_replaced_no_picture_is_left() -> None:
    inlet = Inlet()
    page = inlet.connect()
    inlet.put(page, b"one", 0.0)
    inlet.disconnect(page)
    assert inlet.take(0.0) is None
    inlet.put(inlet.connect(), b"two", 0.0)
    other = inlet.connect()
    assert not inlet.await_picture(0.0)
    inlet.put(other, b"three", 0.0)
    assert inlet.await_picture(0.0)
    found = inlet.take(0.0)
    assert found is not None
    assert found[0] == b"three"


def test_what_a_page_sends_that_is_no_jpeg_is_never_decoded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    jpeg, png = (cv2.imencode(suffix, GRAY)[1].tobytes() for suffix in (".jpg", ".png"))
    sent = iter([(png, 1.0), (b"", 2.0), (jpeg[:30], 3.0), (jpeg, 4.0)])
    inlet = Inlet()
    waits: list[float] = []

    def take(wait_s: float) -> tuple[bytes, float] | None:
        waits.append(wait_s)
        return next(sent, None)

    monkeypatch.setattr(inlet, "take", take)
    looked_at = list[int]()

    def spy(data: NDArray[np.uint8]) -> NDArray[np.uint8] | None:
        looked_at.append(data.size)
        return decode_picture(data)

    monkeypatch.setattr(browser, "decode_picture", spy)
    device = BrowserDevice(inlet)
    found = device.read()
    assert found is not None
    assert (found[0].shape, found[1]) == (GRAY.shape, 4.0)
    assert looked_at == [30, len(jpeg)]
    assert device.read() is None
    assert max(waits) <= 1.0
    assert waits[-1] > 0.0
