"""Measure the error of drawn poses against the truth at the moment of display."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from benchmarks.smoothing.filters import follow
from benchmarks.smoothing.scene import Floats, Scene, between
from steadypose.realtime.smooth.base import Smoother

AGE_S = 0.06
PHASES = ("moving", "fast", "still")


def prediction_errors(
    scenes: Sequence[Scene], make: Callable[[int, int], Smoother]
) -> dict[str, Floats]:
    """RMSE without and with prediction against the truth ``AGE_S`` later.

    Args:
        scenes: Count alike.
        make: Makes a smoother for a number of persons and keypoints.

    Returns:
        For each of ``PHASES`` (2,): without, with; % of the standing height.
    """
    found: dict[str, list[Floats]] = {phase: [] for phase in PHASES}
    for scene in scenes:
        later = between(scene.fine_truth, scene.time_s + AGE_S)
        errors = []
        for ahead_s in (None, AGE_S):
            drawn = follow(scene, make(*scene.score.shape[1:]), ahead_s=ahead_s)
            errors.append(100 * np.linalg.norm(drawn - later, axis=-1) / scene.height_px[:, None])
        is_free = scene.is_there & ~scene.extended(scene.is_covered, after_s=0.2)
        for phase in PHASES:
            chosen = getattr(scene, f"is_{phase}") & is_free
            found[phase].append(np.array([np.sqrt(np.mean(e[chosen] ** 2)) for e in errors]))
    return {phase: np.mean(rows, axis=0) for phase, rows in found.items()}
