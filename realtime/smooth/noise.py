"""The filter's parameters: how people move, how networks err."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

FRAME_S = 1.0 / 30.0
"""Accelerations are stated for this frame time; the filter works at any frame rate."""


@dataclass(frozen=True, slots=True)
class Noise:
    """How people move and how networks err, relative to the person's size S.

    S is the longer side of the person's bbox. Tuples have one value for each mode, from
    holding still to moving fast; a filter with one mode has one value. The defaults were tuned in
    simulation (docs/smoothing.md).

    Attributes:
        measurement: Standard deviation of a keypoint with score 1, in S.
        acceleration: Typical acceleration in each mode, S/s².
        agility: How much that grows with the keypoint's speed, 1/s: a moving limb turns
            more than a resting one.
        decay_s: Time in which velocity fades in each mode without new evidence,
            seconds; infinity is the textbook constant velocity.
        leave_rate: How often a mode is left for each of the others, 1/s.
        sharpness: How much one measurement tells about the mode, 1 for Bayes' rule. A
            network's noise lasts for some frames, so successive measurements tell less.
        huber: Innovations beyond this many standard deviations are weighted down.
        gate: Innovations beyond this distance, in S, are outliers ...
        gate_speed: ... unless the keypoint was moving: seconds of its speed are added.
        reacquire_s: An outlier that persists this long is accepted, seconds.
        coast_s: How long an unseen keypoint is predicted, seconds; then it is lost.
        doubt: Factors of the covariance that is reported, so that its ellipses are honest: where
            the keypoint surely rests, and where it surely moves.
        lag_doubt: Share that is reported of how far the estimate stays behind a measurement,
            squared, as far as the measurement's noise does not explain it.
        min_score: Measurements below this score are not used.
    """

    measurement: float = 0.0195
    acceleration: tuple[float, ...] = (0.0465, 0.45, 7.0)
    agility: tuple[float, ...] = (1.08, 8.0, 12.0)
    decay_s: tuple[float, ...] = (0.0545, 1.0, 0.248)
    leave_rate: float = 0.12
    sharpness: float = 0.95
    huber: float = 4.0
    gate: float = 0.19
    gate_speed: float = 0.5
    reacquire_s: float = 0.14
    coast_s: float = 0.5
    doubt: tuple[float, float] = (0.95, 1.0)
    lag_doubt: float = 0.6
    min_score: float = 0.2

    @property
    def modes(self) -> int:
        """1: a plain Kalman filter; more: still, moving ever faster, mixed."""
        return len(self.acceleration)

    def to_dict(self) -> dict[str, Any]:
        """All parameters, for a recording's sidecar; infinities as text, since JSON has none."""

        def plain(value: Any) -> Any:
            if isinstance(value, tuple):
                return [plain(v) for v in value]
            return str(value) if math.isinf(value) else value

        return {name: plain(value) for name, value in asdict(self).items()}


PLAIN = Noise(
    measurement=0.02,
    acceleration=(1.0,),
    agility=(0.0,),
    decay_s=(math.inf,),
    huber=math.inf,
    gate=math.inf,
    doubt=(1.0, 1.0),
    lag_doubt=0.0,
)
"""Textbook constant velocity, linear: comparable with filterpy."""
