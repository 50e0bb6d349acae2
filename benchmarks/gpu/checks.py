"""What a visit tries besides speed: refusals in sentences, and nothing left behind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.gpu.machine import Machine
from steadypose.engines.backends.tensorrt.engine import TensorRtEngine
from steadypose.engines.backends.tensorrt.loading import load_plan
from steadypose.engines.errors import SteadyposeError

_TIMES = 20


def check(
    machine: Machine, open_one: Callable[[str], TensorRtEngine], tell: Callable[..., Any]
) -> None:
    """Tell each result as soon as it is known.

    Args:
        machine: What is here.
        open_one: Opens an engine; its crops are cut by ``cpu``, ``device`` or ``auto``.
        tell: Called with each result.
    """
    engine = open_one("cpu")
    height, width = engine.spec.input_hw
    crop = np.zeros((1, height, width, 3), np.uint8)
    try:
        load_plan(b"garbage", machine.api)
        tell(garbage="LOADED, which is wrong")
    except SteadyposeError as error:
        tell(garbage=f"refused: {error.what[:160]}")
    made = engine.lanes.made
    for change in range(_TIMES):
        engine.infer(np.repeat(crop, 1 + change % 8, axis=0))
    tell(
        batch_changes=f"{_TIMES} changes of the batch size made {engine.lanes.made - made} contexts"
    )
    big = np.repeat(crop, 19, axis=0)
    tell(above_the_profile=f"a batch of 19 gave {len(engine.infer(big))} rows")
    engine.close()
    try:
        from benchmarks.gpu.device_crops import device_crops  # noqa: PLC0415 - needs OpenCV

        few = {"rounds": 1, "batches": 2} if machine.is_fake else {}
        for name, text in device_crops(open_one, **few):
            tell(**{f"GPU's crops, {name}": text})
    except (SteadyposeError, ImportError) as error:
        tell(**{"GPU's crops": f"not measured: {getattr(error, 'what', error)}"})
    for number in range(_TIMES):
        engine = open_one("device")
        engine.infer(crop)
        if number == 0:
            before = machine.free_mb()  # the first leaves what CUDA keeps
        after = machine.free_mb()
        engine.close()
    tell(
        open_and_close=f"{_TIMES} times, free memory with an engine open went from "
        f"{before:.0f} to {after:.0f} MB"
    )
