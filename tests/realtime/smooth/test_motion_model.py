"""The motion model against its integrals, worked out by quadrature."""

from __future__ import annotations

import math

import numpy as np
import pytest

from steadypose.realtime.smooth.motion_model import displacement, matrices, transition

NODES, WEIGHTS = np.polynomial.legendre.leggauss(40)


@pytest.mark.parametrize("tau", [0.01, 0.2, 1.0, 50.0, math.inf])
@pytest.mark.parametrize("dt", [1e-5, 1e-3, 1 / 240, 1 / 30, 0.5])
def test_noise_and_displacement_are_the_integrals_of_a_fading_velocity(
    dt: float, tau: float
) -> None:
    """Of white acceleration at each earlier moment: how fast, and how far, it has carried."""
    since = dt / 2 * (NODES + 1)
    faded = np.exp(-since / tau)
    carried = np.array([displacement(s, tau) for s in since])
    found = transition(dt, tau)
    assert found[0] == pytest.approx(dt / 2 * WEIGHTS @ faded, rel=1e-9)
    assert found[1] == pytest.approx(math.exp(-dt / tau), rel=1e-12)
    for q, integrand in zip(found[2:], (carried**2, carried * faded, faded**2), strict=True):
        assert q == pytest.approx(dt / 2 * WEIGHTS @ integrand, rel=1e-5)


@pytest.mark.parametrize("tau", [0.2, math.inf])
def test_two_short_steps_are_one_long_step(tau: float) -> None:
    short, long = (matrices(dt, [tau])[0] for dt in (0.02, 0.04))
    start = np.array([3.0, 4.0, -50.0, 70.0, 2.0, 1.0, 1.0, 9.0, 800.0])
    once, twice = long @ start, start
    for _ in range(2):
        twice = np.append(short @ twice, start[8])
    np.testing.assert_allclose(twice[:8], once, rtol=1e-9)
