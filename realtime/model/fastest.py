"""Which of several engines answers soonest, on a machine that may be busy with other things."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from steadypose.engines.base import Engine
from steadypose.engines.errors import SteadyposeError

CLEARLY = 0.85
"""Share of another's time that is worth a change; less may be chance."""

_CALLS = 20


def least_ms(engines: Mapping[str, Engine]) -> dict[str, float]:
    """What the quickest of some calls with one crop takes, milliseconds.

    The engines are called in turn, so that other work on the machine meets all of them.

    Args:
        engines: Warm, by any name; not closed. One that fails gets no time.
    """
    took_ms: dict[str, list[float]] = {name: [] for name in engines}
    for _ in range(_CALLS):
        for name in tuple(took_ms):
            engine = engines[name]
            try:
                engine.infer(np.zeros((1, *engine.spec.input_hw, 3), np.uint8))
            except SteadyposeError:
                del took_ms[name]
            else:
                took_ms[name].append(engine.took_ms)
    return {name: min(times) for name, times in took_ms.items()}
