"""The quib: an animal on four legs that nobody has labelled before, with a skeleton of its own."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
LEGS = ("left_front", "right_front", "left_hind", "right_hind")
NAMES = (
    *("snout", "left_ear", "right_ear", "withers", "rump", "tail_tip"),
    *(f"{leg}_paw" for leg in LEGS),
)
LIMBS = ((0, 3), (1, 0), (2, 0), (3, 4), (4, 5), (3, 6), (3, 7), (4, 8), (4, 9))
# In lengths of the trunk, as everything here: half its width, thigh, shin, neck, head, tail.
_WIDE, _THIGH, _SHIN, _NECK, _HEAD, _TAIL = 0.14, 0.27, 0.29, 0.42, 0.26, 0.28
_STEP_S = 0.8


@dataclass(frozen=True, slots=True)
class Posture:
    """How a quib stands, and from where it is seen.

    Attributes:
        yaw: Degrees it is turned: 0 looks to the right, 90 away from the camera.
        pitch: Degrees from which the camera looks down on it.
        lean: Degrees by which its picture is turned, clockwise.
        neck: Degrees of the neck above level.
        look: Degrees the head is turned to its left.
        tail: Degrees of the tail above level, and to its left.
        legs: Degrees of thigh and shin from hanging, forwards, in the order of ``LEGS``.
    """

    yaw: float
    pitch: float
    lean: float
    neck: float
    look: float
    tail: tuple[float, float]
    legs: tuple[tuple[float, float], ...]

    def joints(self) -> dict[str, Floats]:
        """(3,) of every joint: to the right, down, and away from the camera."""
        yaw, pitch, lean = (math.radians(v) for v in (self.yaw, self.pitch, self.lean))
        found = {}
        for name, (ahead, left, up) in self._standing().items():
            # Who looks to the right has the left side away from the camera.
            right = ahead * math.cos(yaw) - left * math.sin(yaw)
            away = ahead * math.sin(yaw) + left * math.cos(yaw)
            down = -up * math.cos(pitch) - away * math.sin(pitch)
            away = away * math.cos(pitch) - up * math.sin(pitch)
            x = right * math.cos(lean) - down * math.sin(lean)
            y = right * math.sin(lean) + down * math.cos(lean)
            found[name] = np.array((x, y, away))
        return found

    def _standing(self) -> dict[str, Floats]:
        """(3,) of every joint: ahead, to its left, up."""
        found = {"withers": np.array((0.5, 0.0, 0.06)), "rump": np.array((-0.5, 0.0, 0.0))}
        found["head"] = found["withers"] + _NECK * _along(self.neck)
        look = math.radians(self.look)
        turn = np.array(
            ((math.cos(look), -math.sin(look), 0), (math.sin(look), math.cos(look), 0), (0, 0, 1))
        )
        found["snout"] = found["head"] + turn @ (_HEAD * _along(-20))
        for side, name in ((1, "left_ear"), (-1, "right_ear")):
            found[name] = found["head"] + turn @ np.array((-0.06, side * 0.1, 0.17))
        up, left = self.tail
        back = np.array((-math.cos(math.radians(left)), math.sin(math.radians(left)), 0.0))
        at = found["rump"]
        for name, more in (("tail", 0), ("tail_tip", 28)):
            along = _along(up + more)
            at = at + _TAIL * (back * along[0] + np.array((0, 0, along[2])))
            found[name] = at
        for leg, (thigh, shin) in zip(LEGS, self.legs, strict=True):
            top = np.array((0.42 if leg.endswith("front") else -0.42, _WIDE, -0.06))
            if leg.startswith("right"):
                top[1] *= -1
            found[leg] = top
            found[f"{leg}_knee"] = top + _THIGH * _along(thigh - 90)
            found[f"{leg}_paw"] = found[f"{leg}_knee"] + _SHIN * _along(shin - 90)
        return found


def _along(degrees: float) -> Floats:
    """(3,) of length 1: ahead, and up by so many degrees."""
    return np.array((math.cos(math.radians(degrees)), 0.0, math.sin(math.radians(degrees))))


def any_posture(rng: np.random.Generator) -> Posture:
    """Standing, walking, grazing or looking round; mostly seen from a side."""
    legs = []
    for _ in LEGS:
        thigh = rng.uniform(-32, 32)
        legs.append((thigh, thigh - rng.uniform(-5, 40)))
    return Posture(
        yaw=rng.uniform(0, 360) if rng.random() < 0.2 else rng.choice((0, 180)) + rng.normal(0, 25),
        pitch=rng.uniform(0, 25),
        lean=rng.normal(0, 6),
        neck=rng.uniform(-35, 70),
        look=rng.normal(0, 25),
        tail=(rng.uniform(-50, 50), rng.normal(0, 25)),
        legs=tuple(legs),
    )


def walking(time_s: float, *, yaw: float) -> Posture:
    """A step of four beats: each leg a quarter of a step after the one before.

    Args:
        time_s: Since it began.
        yaw: Of the posture.
    """
    legs = []
    for beat in (0.0, 0.5, 0.75, 0.25):
        phase = 2 * math.pi * (time_s / _STEP_S + beat)
        thigh = 22 * math.sin(phase)
        legs.append((thigh, thigh - 18 + 15 * math.cos(phase)))
    nod, wag = 30 + 8 * math.sin(2 * math.pi * time_s / _STEP_S), math.sin(3 * time_s)
    return Posture(yaw, 10, 0, nod, 12 * math.sin(time_s), (15 + 20 * wag, 15 * wag), tuple(legs))
