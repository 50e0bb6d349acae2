"""Whether the covariance that the filter reports is honest."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from benchmarks.smoothing.scene import Floats, Scene
from steadypose.realtime.datatypes import State
from steadypose.realtime.smooth.base import Smoother

NINETY = 4.605
"""Squared Mahalanobis distance that holds 90 % in two dimensions (chi-square)."""

PHASES = ("still", "slow", "moving", "fast", "predicted")


def coverage(scenes: Sequence[Scene], make: Callable[[int, int], Smoother]) -> dict[str, float]:
    """Share of true positions inside the 90 % ellipse.

    Args:
        scenes: Count alike, frame by frame.
        make: Makes a smoother for so many persons and keypoints.

    Returns:
        For each of ``PHASES``; the first four of measured keypoints.
    """
    inside: dict[str, list[Floats]] = {phase: [] for phase in PHASES}
    for scene in scenes:
        smoother = make(*scene.score.shape[1:])
        for person in range(scene.score.shape[1]):
            first = np.nan_to_num(scene.measured[0, person])
            smoother.begin(person, first, scene.score[0, person], scene.size_px[0, person])
        for n in range(1, len(scene.time_s)):
            smoother.predict(float(scene.time_s[n]))
            smoother.update(scene.measured[n], scene.score[n], scene.size_px[n])
            away = smoother.xy - scene.truth[n]
            solved = np.linalg.solve(smoother.uncertainty() + 1e-9 * np.eye(2), away[..., None])
            is_inside = np.einsum("pkb,pkb->pk", away, solved[..., 0]) < NINETY
            is_measured = (smoother.state == State.MEASURED) & scene.is_there
            for phase in PHASES[:-1]:
                inside[phase].append(is_inside[is_measured & getattr(scene, f"is_{phase}")[n]])
            inside["predicted"].append(
                is_inside[(smoother.state == State.PREDICTED) & scene.is_there]
            )
    return {phase: float(np.concatenate(found).mean()) for phase, found in inside.items()}
