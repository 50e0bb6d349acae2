"""Which engine answers soonest, and what --doctor says of it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import cycle
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from steadypose.engines.errors import EngineError
from steadypose.realtime.command import doctor
from steadypose.realtime.model.fastest import least_ms
from steadypose.realtime.model.places import QUALITIES


class Timed:
    """An engine whose calls take what is told, again and again."""

    spec = SimpleNamespace(input_hw=(64, 48))

    def __init__(self, *took_ms: float) -> None:
        self._next: Iterator[float] = cycle(took_ms)
        self.took_ms = 0.0

    def infer(self, crops: Any) -> None:
        assert crops.shape == (1, 64, 48, 3)
        assert crops.dtype == np.uint8
        self.took_ms = next(self._next)


class Broken(Timed):
    def infer(self, crops: Any) -> None:
        raise EngineError("broken", fix="none")


def test_a_busy_moment_does_not_count() -> None:
    engines: Any = {"a": Timed(9.0, 3.0, 80.0), "b": Timed(70.0, 60.0, 4.0), "c": Broken()}
    assert least_ms(engines) == {"a": 3.0, "b": 4.0}


@pytest.mark.parametrize(
    ("took_ms", "said"),
    [
        ({"openvino": 10.0, "onnxruntime": 8.0}, "onnxruntime is quicker here than openvino"),
        ({"openvino": 10.0, "onnxruntime": 9.0}, ""),
        ({"openvino": 10.0, "onnxruntime": 20.0}, ""),
        ({"onnxruntime": 20.0}, ""),
        ({}, ""),
    ],
)
def test_a_clearly_quicker_backend_is_named(
    monkeypatch: pytest.MonkeyPatch, took_ms: dict[str, float], said: str
) -> None:
    monkeypatch.setattr(doctor, "_is_busy", lambda: False)
    text = "".join(doctor._faster(took_ms))
    assert text.startswith(said)
    assert bool(text) == bool(said)


@pytest.mark.posix("the system's load")
def test_on_a_busy_machine_no_other_backend_is_advised(monkeypatch: pytest.MonkeyPatch) -> None:
    took_ms = {"openvino": 10.0, "onnxruntime": 5.0}
    for load, advised in ((0.2, True), (8.0, False)):
        monkeypatch.setattr("os.getloadavg", lambda load=load: (load, 0.0, 0.0))
        monkeypatch.setattr(doctor, "usable_cpus", lambda: 2)
        (text,) = doctor._faster(took_ms)
        assert ("try --backend onnxruntime" in text) == advised
        assert ("the machine was busy" in text) != advised


def test_the_doctor_tells_what_a_crop_takes_on_each_backend() -> None:
    lines = doctor.examine(QUALITIES["fast"])
    works = [line for line in lines if line.startswith("backend") and ": works (" in line]
    assert works
    for line in works:
        assert float(line.rpartition(" s, ")[2].removesuffix(" ms for one crop)")) > 0.1
