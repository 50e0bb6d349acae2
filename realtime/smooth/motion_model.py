"""The motion model: decaying constant velocity, disturbed by white acceleration."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from steadypose.realtime.datatypes import FloatArray


def displacement(dt: float, tau: float) -> float:
    """How far a unit velocity that fades with ``tau`` carries in ``dt`` seconds."""
    return dt if math.isinf(tau) else tau * (1.0 - math.exp(-dt / tau))


def transition(dt: float, tau: float) -> tuple[float, float, float, float, float]:
    """Velocity to displacement, velocity to velocity, and the process noise integrals.

    The noise terms are for a unit spectral density and are exact, so that two short
    predictions equal one long one.

    Source: Bar-Shalom, Li, Kirubarajan: Estimation with Applications to Tracking and
    Navigation (2001), sections 6.2.2 (white acceleration) and 8.2 (Singer).
    """
    carried = displacement(dt, tau)
    if math.isinf(tau):
        return carried, 1.0, dt**3 / 3.0, dt**2 / 2.0, dt
    faded = math.exp(-dt / tau)
    q11 = tau / 2.0 * (1.0 - faded * faded)
    q01 = carried * carried / 2.0
    # For short steps the difference below cancels; a Taylor series does not.
    x = dt / tau
    q00 = dt**3 * (1 / 3 - x / 4) if x < 1e-3 else tau * tau * (dt - 2.0 * carried + q11)
    return carried, faded, q00, q01, q11


def matrices(dt: float, taus: Sequence[float]) -> tuple[FloatArray, FloatArray]:
    """One prediction step of every mode, ready to be multiplied.

    Args:
        dt: Seconds.
        taus: Fading time of each of M modes, seconds.

    Returns:
        (M, 8, 8) for x, y, their velocities, and the covariance along one axis flattened to
        (00, 01, 10, 11), whose part is the Kronecker product of the transition with itself;
        (M, 4, 1) process noise of the covariance for a unit spectral density.
    """
    steps, noises = np.zeros((len(taus), 8, 8)), []
    for step, tau in zip(steps, taus, strict=True):
        c, f, q00, q01, q11 = transition(dt, tau)
        step[_PLACES] = (
            *(1.0, c, 1.0, c, f, f),
            *(1.0, c, c, c * c, f, c * f, f, c * f, f * f),
        )
        noises.append((q00, q01, q01, q11))
    return steps, np.array(noises)[:, :, None]


# Entries of the step matrix: rows and columns of x, y, velocities; of the covariance.
_PLACES = (
    np.array((0, 0, 1, 1, 2, 3, 4, 4, 4, 4, 5, 5, 6, 6, 7)),
    np.array((0, 2, 1, 3, 2, 3, 4, 5, 6, 7, 5, 7, 6, 7, 7)),
)
