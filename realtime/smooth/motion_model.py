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


def matrices(dt: float, taus: Sequence[float]) -> FloatArray:
    """One prediction step of every mode, ready to be multiplied.

    Args:
        dt: Seconds.
        taus: Fading time of each of M modes, seconds.

    Returns:
        (M, 8, 9) to x, y, their velocities, and the covariance along one axis flattened to
        (00, 01, 10, 11), whose part is the Kronecker product of the transition with itself; from
        the same eight, and the spectral density of the process noise.
    """
    steps = np.zeros((len(taus), 8, 9))
    steps[:, _ROWS, _COLUMNS] = [_entries(*transition(dt, tau)) for tau in taus]
    return steps


def _entries(c: float, f: float, q00: float, q01: float, q11: float) -> tuple[float, ...]:
    return (
        *(1.0, c, 1.0, c, f, f),
        *(1.0, c, c, c * c, q00, f, c * f, q01, f, c * f, q01, f * f, q11),
    )


# Where they lie: those of x, y and velocities; of the covariance.
_ROWS = np.array((0, 0, 1, 1, 2, 3, 4, 4, 4, 4, 4, 5, 5, 5, 6, 6, 6, 7, 7))
_COLUMNS = np.array((0, 2, 1, 3, 2, 3, 4, 5, 6, 7, 8, 5, 7, 8, 6, 7, 8, 7, 8))
