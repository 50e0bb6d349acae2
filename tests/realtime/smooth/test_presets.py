"""The default filter is the one that the benchmark reports."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial

import pytest

import steadypose as sp
from benchmarks.smoothing.entries import ENTRIES, parameters
from benchmarks.smoothing.filters import imm_noise
from steadypose.api import options
from steadypose.engines.errors import UsageError
from steadypose.realtime import cli
from steadypose.realtime.smooth.presets import PRESETS, make_smoother


def test_the_default_is_what_was_measured() -> None:
    assert PRESETS["balanced"] == imm_noise(parameters()["steadypose balanced"])


def test_every_filter_that_has_parameters_was_tuned_within_its_ranges() -> None:
    known = parameters()
    for entry in ENTRIES:
        for parameter, (low, high) in entry.ranges.items():
            assert low * 0.999 <= known[entry.title][parameter] <= high * 1.001, entry.title


def hide_filterpy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "steadypose.realtime.smooth.filterpy_reference", raising=False)
    monkeypatch.setitem(sys.modules, "filterpy", None)
    monkeypatch.setitem(sys.modules, "filterpy.common", None)


def test_filterpy_is_a_choice_that_need_not_be_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    hide_filterpy(monkeypatch)
    with pytest.raises(UsageError, match="needs filterpy") as caught:
        make_smoother("filterpy", 1, 17)
    assert "requirements-filterpy.txt" in caught.value.fix
    monkeypatch.undo()
    assert make_smoother("filterpy", 1, 17).describe()["name"] == "filterpy"


@pytest.mark.parametrize("make", [sp.Tracker, partial(sp.open, "demo"), partial(sp.open, ["demo"])])
def test_without_filterpy_the_library_refuses_it_before_a_network_is_opened(
    monkeypatch: pytest.MonkeyPatch, make: Callable[..., object]
) -> None:
    def opened(*_: object, **_more: object) -> None:
        raise AssertionError("a network was opened")

    hide_filterpy(monkeypatch)
    monkeypatch.setattr(options, "open_model", opened)
    with pytest.raises(sp.Error, match="needs filterpy"):
        make(smooth="filterpy")


def test_without_filterpy_a_run_is_refused_before_a_network_is_opened(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    hide_filterpy(monkeypatch)
    arguments = ["--source", "demo", "--headless", "--smooth", "filterpy"]
    assert cli.main(arguments) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: the filter 'filterpy' needs filterpy")
    assert "engine:" not in said
