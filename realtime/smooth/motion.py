"""How a keypoint goes on: constant velocity that fades, disturbed by white acceleration."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from realtime.datatypes import FloatArray


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


def matrices(dt: float, taus: Sequence[float]) -> tuple[FloatArray, FloatArray, FloatArray]:
    """One prediction step of every mode, ready to be multiplied.

    Args:
        dt: Seconds.
        taus: Fading time of each of M modes, seconds.

    Returns:
        (M, 2, 2) for (position, velocity); (M, 4, 4) for the covariance flattened to (00, 01,
        10, 11), which is the Kronecker product of the first with itself; (M, 4, 1) process
        noise for a unit spectral density.
    """
    means, covariances, noises = [], [], []
    for tau in taus:
        c, f, q00, q01, q11 = transition(dt, tau)
        means.append((1.0, c, 0.0, f))
        covariances.append(
            (1.0, c, c, c * c, 0.0, f, 0.0, c * f, 0.0, 0.0, f, c * f, 0.0, 0.0, 0.0, f * f)
        )
        noises.append((q00, q01, q01, q11))
    m = len(means)
    return (
        np.array(means).reshape(m, 2, 2),
        np.array(covariances).reshape(m, 4, 4),
        np.array(noises).reshape(m, 4, 1),
    )
