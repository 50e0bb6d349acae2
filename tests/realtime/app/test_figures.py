"""The figures of ``--benchmark``: what a run of uneven frames is said to take."""

from __future__ import annotations

import pytest

from steadypose.realtime.app.clock import STAGES
from steadypose.realtime.command.summary import figures
from tests.support.scripted import make_loop


def test_medians_and_the_slowest_twentieth_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    app = make_loop(monkeypatch, []).app
    for n in range(101):
        app.clock.add(
            **{name: float(n + 1000 * i) for i, name in enumerate(STAGES)},
            overhead=n + 7000.0,
            age=n + 8000.0,
        )
    found = figures(app)
    for i, name in enumerate(STAGES):
        assert found["stages_ms"][name] == {"p50": 50 + 1000 * i, "p95": 95 + 1000 * i}
    assert (found["engine_ms_p50"], found["engine_ms_p95"]) == (1050, 1095)
    assert (found["overhead_ms_p50"], found["overhead_ms_p95"]) == (7050, 7095)
    assert (found["frame_age_ms_p50"], found["frame_age_ms_p95"]) == (8050, 8095)
