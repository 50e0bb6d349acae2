"""The default filter is the one that the benchmark reports."""

from __future__ import annotations

from benchmarks.smoothing.entries import ENTRIES, parameters
from benchmarks.smoothing.filters import imm_noise
from steadypose.realtime.smooth.presets import PRESETS


def test_the_default_is_what_was_measured() -> None:
    assert PRESETS["balanced"] == imm_noise(parameters()["steadypose balanced"])


def test_every_filter_that_has_parameters_was_tuned_within_its_ranges() -> None:
    known = parameters()
    for entry in ENTRIES:
        for parameter, (low, high) in entry.ranges.items():
            assert low * 0.999 <= known[entry.title][parameter] <= high * 1.001, entry.title
