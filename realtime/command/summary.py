"""The result of a run: three lines for people, JSON for programs."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from steadypose.engines.file_io import replace_text, writing
from steadypose.engines.wording.counting import counted
from steadypose.engines.wording.printable import visible_values
from steadypose.realtime.app.clock import STAGES, Clock
from steadypose.realtime.app.loop import App
from steadypose.realtime.command.machine import machine


def summary(app: App) -> list[str]:
    """Frames and speed, age and drops, files, and what was sent where something was."""
    clock = app.clock
    if not clock.frames:
        return ["0 frames", f"{app.source.dropped} dropped", f"files: {app.outputs.describe()}"]
    return [
        f"{counted(clock.frames, 'frame')}, {app.clock.fps:.1f} fps: "
        f"engine {clock.percentile('engine', 50):.2f} ms, "
        f"the loop's own work {clock.percentile('overhead', 50):.2f} ms (p50) "
        f"on {app.pipeline.engine.label}",
        f"{_age(clock)}; {app.source.dropped} dropped",
        f"files: {app.outputs.describe()}",
        *([f"live: {sent}"] if (sent := app.outputs.live.describe()) else []),
    ]


def _age(clock: Clock) -> str:
    half, most = clock.percentile("age", 50), clock.percentile("age", 95)
    if math.isnan(half):
        return "no frame came on the screen"
    return f"frame age p50 {half:.0f} ms, p95 {most:.0f} ms"


def figures(app: App) -> dict[str, Any]:
    """The figures of a run for ``--benchmark``; milliseconds unless the name says more."""
    clock = app.clock

    def ms(name: str, share: float) -> float | None:
        value = clock.percentile(name, share)
        return None if math.isnan(value) else round(value, 4)

    return {
        "frames": clock.frames,
        "fps": round(app.clock.fps, 3),
        "cpu_ms_per_frame": round(app.clock.cpu_ms_per_frame, 3),
        "first_frame_s": round(app.clock.first_frame_s, 4),
        "engine_ms_p50": ms("engine", 50),
        "engine_ms_p95": ms("engine", 95),
        "overhead_ms_p50": ms("overhead", 50),
        "overhead_ms_p95": ms("overhead", 95),
        "frame_age_ms_p50": ms("age", 50),
        "frame_age_ms_p95": ms("age", 95),
        "dropped": app.source.dropped,
        "stages_ms": {name: {"p50": ms(name, 50), "p95": ms(name, 95)} for name in STAGES},
        "engine": app.pipeline.engine.label,
        "model": app.pipeline.engine.spec.name,
        "source": app.source.label,
        "persons": app.pipeline.persons,
        "machine": machine(),
    }


def write_figures(app: App, path: Path) -> None:
    """Write ``figures`` as JSON.

    Raises:
        RecordError: The file cannot be written.
    """
    with writing(path):
        replace_text(path, json.dumps(visible_values(figures(app)), indent=2) + "\n")
