"""The smoothers that ``--smooth`` can select, and how strong each is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from steadypose.engines.errors import UsageError
from steadypose.engines.wording.advice import install
from steadypose.realtime.smooth.base import Smoother
from steadypose.realtime.smooth.kalman import KalmanSmoother
from steadypose.realtime.smooth.noise import PLAIN, Noise
from steadypose.realtime.smooth.one_euro import OneEuroSmoother

BALANCED = Noise()
"""The default: holding still, moving slowly, moving fast; docs/smoothing.md explains the values."""

STEADY = replace(BALANCED, measurement=1.6 * BALANCED.measurement, doubt=(0.5, 1.4))
"""Trusts measurements less: steadier, more lag."""

RESPONSIVE = replace(BALANCED, measurement=0.65 * BALANCED.measurement, doubt=(1.5, 1.0))
"""Trusts measurements more: quicker, less steady."""

PRESETS: dict[str, Noise] = {
    "steady": STEADY,
    "balanced": BALANCED,
    "responsive": RESPONSIVE,
    "kalman": PLAIN,
}
NAMES = (*PRESETS, "one-euro", "filterpy", "off")


def make_smoother(name: str, slots: int, keypoints: int) -> Smoother:
    """Make a filter.

    Args:
        name: One of ``NAMES``. ``off`` makes the default: it still places the crops,
            but raw positions are shown and recorded.
        slots: Maximum number of persons.
        keypoints: Of each person.

    Raises:
        UsageError: filterpy is wanted and not installed.
    """
    if name == "one-euro":
        return OneEuroSmoother(slots, keypoints)
    if name == "filterpy":
        return _reference()(slots, keypoints)
    chosen = "balanced" if name == "off" else name
    return KalmanSmoother(slots, keypoints, PRESETS[chosen], name=chosen)


def check_smoother(name: str) -> None:
    """Find out early that a filter's package is missing.

    Raises:
        UsageError: It is.
    """
    if name == "filterpy":
        _reference()


def _reference() -> Callable[[int, int], Smoother]:
    try:
        from steadypose.realtime.smooth.filterpy_reference import FilterpySmoother  # noqa: PLC0415 - imports scipy
    except ImportError as error:
        raise UsageError(
            f"the filter 'filterpy' needs {error.name}, which is not installed",
            fix=f"{install('requirements-filterpy.txt')}, or choose kalman: the same, faster",
        ) from error
    return FilterpySmoother
