"""Compute the mannequin's keypoints by forward kinematics from joint angles."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from steadypose.engines.skeletons.people import COCO17

INDEX = {name: i for i, name in enumerate(COCO17.keypoints)}


def pose_at(time_s: float, *, phase: float = 0.0) -> NDArray[np.float64]:
    """Keypoints of the moving figure in body units.

    Args:
        time_s: Seconds; the motion repeats every 16 s: standing, waving, reaching,
            squatting, walking on the spot.
        phase: Seconds by which this figure is ahead of the others.

    Returns:
        (17, 2): x right and y down in units of the standing height, origin on the
        floor between the feet. The figure faces the camera, so its left is at x > 0.
    """
    t = time_s + phase
    part = (t % 16.0) / 16.0

    def during(start: float, end: float) -> float:
        """0 outside, 1 inside, eased over 0.05 of the period at both ends."""
        rise = min(1.0, max(0.0, (part - start) / 0.05))
        fall = min(1.0, max(0.0, (end - part) / 0.05))
        x = min(rise, fall)
        return x * x * (3 - 2 * x)

    wave, reach = during(0.1, 0.35), during(0.35, 0.55)
    squat, walk = during(0.55, 0.75), during(0.75, 1.0)
    turn = 0.45 * math.sin(2 * math.pi * t / 7.0)  # radians of yaw
    sway = 0.012 * math.sin(2 * math.pi * t / 2.9)
    dip = 0.22 * squat * (0.5 - 0.5 * math.cos(2 * math.pi * t / 1.6))
    step = walk * math.sin(2 * math.pi * t / 1.1)

    half_shoulders, half_hips = 0.125 * math.cos(turn), 0.085 * math.cos(turn)
    hip_y, shoulder_y = -0.50 + dip, -0.815 + dip
    lean = 0.25 * dip * math.sin(turn) + sway
    xy = np.zeros((17, 2))

    def put(name: str, x: float, y: float) -> None:
        xy[INDEX[name]] = (x, y)

    head_x, head_y = sway + lean + 0.035 * math.sin(turn), shoulder_y - 0.115
    look = 0.035 * math.sin(turn * 1.6)
    put("nose", head_x + look, head_y + 0.008)
    for side, sign in (("left", 1.0), ("right", -1.0)):
        put(f"{side}_eye", head_x + look * 0.85 + sign * 0.019 * math.cos(turn), head_y - 0.012)
        put(f"{side}_ear", head_x - look * 0.35 + sign * 0.044 * math.cos(turn), head_y - 0.002)
        put(f"{side}_shoulder", sway + lean + sign * half_shoulders, shoulder_y)
        put(f"{side}_hip", sway * 0.5 + sign * half_hips, hip_y)
        upper, fore = _arm_angles(t, sign, wave=wave, reach=reach, dip=dip, step=step)
        shoulder = xy[INDEX[f"{side}_shoulder"]]
        elbow = shoulder + 0.17 * np.array((sign * math.sin(upper), math.cos(upper)))
        wrist = elbow + 0.155 * np.array((sign * math.sin(fore), math.cos(fore)))
        put(f"{side}_elbow", *elbow)
        put(f"{side}_wrist", *wrist)
        lift = max(0.0, sign * step)
        foot_x, foot_y = sign * (0.105 + 0.02 * math.cos(turn)), -0.035 - 0.10 * lift
        hip = xy[INDEX[f"{side}_hip"]]
        knee = _two_links(hip, np.array((foot_x, foot_y)), 0.235, 0.235, bend=sign)
        put(f"{side}_knee", *knee)
        put(f"{side}_ankle", foot_x, foot_y)
    return xy


def _arm_angles(
    t: float, sign: float, *, wave: float, reach: float, dip: float, step: float
) -> tuple[float, float]:
    """Upper arm and forearm, radians from straight down, positive away from the body.

    Args:
        t: Seconds.
        sign: 1 for the left arm, which waves; -1 for the right, which reaches up.
        wave: Amount of each motion, 0 to 1; ``step`` is -1 to 1.
        reach: Likewise.
        dip: Depth of the squat, in standing heights.
        step: Phase of the walk.
    """
    swing = sign * 0.5 * step
    upper = 0.18 + 0.08 * math.sin(2 * math.pi * t / 3.3 + sign) + abs(0.4 * dip)
    fore = upper + 0.15
    if sign > 0:
        upper += 2.0 * wave + 1.35 * reach
        fore += wave * (2.75 + 0.45 * math.sin(2 * math.pi * t / 0.8)) + 1.35 * reach
    else:
        upper += 2.55 * reach * (0.75 + 0.25 * math.sin(2 * math.pi * t / 2.1))
        fore += 2.85 * reach
    return upper + 0.25 * swing, fore + 0.6 * max(0.0, swing) + 1.1 * dip


def _two_links(
    start: NDArray[np.float64], end: NDArray[np.float64], a: float, b: float, *, bend: float
) -> NDArray[np.float64]:
    """Middle joint of two links of length ``a`` and ``b``, bent to the side of ``bend``."""
    along = end - start
    distance = min(float(np.hypot(*along)), a + b - 1e-6)
    along = along / max(float(np.hypot(*along)), 1e-9)
    reach = (a * a - b * b + distance * distance) / (2 * distance)
    height = math.sqrt(max(0.0, a * a - reach * reach))
    side = np.array((along[1], -along[0])) * bend
    middle: NDArray[np.float64] = start + along * reach + side * height * 0.75
    return middle
