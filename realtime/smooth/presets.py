"""The smoothers that ``--smooth`` can select, by name."""

from __future__ import annotations

from steadypose.realtime.smooth.base import Smoother
from steadypose.realtime.smooth.kalman import KalmanSmoother
from steadypose.realtime.smooth.noise import BALANCED, PLAIN, RESPONSIVE, STEADY, Noise
from steadypose.realtime.smooth.one_euro import OneEuroSmoother

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
    """
    if name == "one-euro":
        return OneEuroSmoother(slots, keypoints)
    if name == "filterpy":
        from steadypose.realtime.smooth.filterpy_reference import FilterpySmoother  # noqa: PLC0415 - imports scipy

        return FilterpySmoother(slots, keypoints)
    chosen = "balanced" if name == "off" else name
    return KalmanSmoother(slots, keypoints, PRESETS[chosen], name=chosen)
