"""Random postures: at a desk, talking with the hands, standing, doing sports."""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from training.people.body import BodyModel, Floats, Person, Rotation

Scene = Literal["webcam", "standing", "sport"]
Numbers = NDArray[Any]  # of either precision
_SPINE = ("spine05", "spine04", "spine03", "spine02", "spine01")
_NECK = ("neck01", "neck02", "neck03", "head")
_DOWN = np.array((0.0, 0.0, -1.0))


def turn(axis: int, degrees: float) -> Rotation:
    """(3, 3) rotation about x, y or z (0, 1, 2)."""
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    matrix = np.eye(3, dtype=np.float32)
    i, j = (axis + 1) % 3, (axis + 2) % 3
    matrix[i, i] = matrix[j, j] = c
    matrix[j, i], matrix[i, j] = s, -s
    return matrix


def turn_about(axis: Numbers, degrees: float) -> Rotation:
    """(3, 3) rotation about any axis (Rodrigues)."""
    x, y, z = unit(axis)
    a = math.radians(degrees)
    cross = np.array(((0, -z, y), (z, 0, -x), (-y, x, 0)))
    return (np.eye(3) + math.sin(a) * cross + (1 - math.cos(a)) * cross @ cross).astype(np.float32)


def unit(v: Numbers) -> Floats:
    """A vector of length 1."""
    return np.asarray(v / max(1e-9, float(np.linalg.norm(v))), np.float32)


def frame_of(along: Numbers, hinge: Numbers) -> Rotation:
    """(3, 3) orthonormal columns: a bone's direction, its hinge, and their normal."""
    a = unit(along)
    h = unit(hinge - a * float(hinge @ a))
    return np.stack((a, h, np.cross(a, h)), axis=1).astype(np.float32)


def sample_posture(
    model: BodyModel, person: Person, scene: Scene, rng: np.random.Generator
) -> dict[str, Rotation]:
    """Rotations for ``BodyModel.pose``; the first bone's also rotates the whole person."""
    found: dict[str, Rotation] = {}
    _trunk(found, scene, rng)
    for side, name in ((1.0, "L"), (-1.0, "R")):
        _arm(found, model, person, side, name, scene, rng)
        _hand(found, model, person, name, rng)
        _leg(found, model, person, side, name, scene, rng)
    found["root"] = _facing(scene, rng)
    return found


def _facing(scene: Scene, rng: np.random.Generator) -> Rotation:
    """Mostly towards the camera; in sports any direction, sometimes upside down."""
    if scene == "webcam":
        yaw = rng.normal(0, 28) if rng.random() < 0.9 else rng.uniform(-180, 180)
        return turn(2, yaw) @ turn(0, rng.normal(0, 6)) @ turn(1, rng.normal(0, 6))
    yaw = rng.normal(0, 45) if rng.random() < 0.45 else rng.uniform(-180, 180)
    tilt = 8.0 if scene == "standing" or rng.random() < 0.7 else 75.0
    return turn(1, rng.normal(0, tilt)) @ turn(0, rng.normal(0, tilt)) @ turn(2, yaw)


def _trunk(found: dict[str, Rotation], scene: Scene, rng: np.random.Generator) -> None:
    bend = {"webcam": (8, 7, 8), "standing": (8, 6, 8), "sport": (28, 14, 18)}[scene]
    lean = rng.normal(4 if scene != "sport" else 15, bend[0])  # forward is about +x here
    side, twist = rng.normal(0, bend[1]), rng.normal(0, bend[2])
    each = len(_SPINE)
    for name in _SPINE:
        found[name] = turn(0, lean / each) @ turn(1, side / each) @ turn(2, twist / each)
    nod, roll, yaw = rng.normal(2, 14), rng.normal(0, 9), rng.normal(0, 22)
    for name in _NECK:
        found[name] = turn(0, nod / 4) @ turn(1, roll / 4) @ turn(2, yaw / 4)


def _arm(
    found: dict[str, Rotation],
    model: BodyModel,
    person: Person,
    side: float,
    name: str,
    scene: Scene,
    rng: np.random.Generator,
) -> None:
    """Two-bone inverse kinematics: from a wrist position and an elbow direction."""
    shoulder, elbow, wrist = (
        model.joint(person, f"{bone}.{name}") for bone in ("upperarm01", "lowerarm01", "wrist")
    )
    upper, fore = elbow - shoulder, wrist - elbow
    long_upper, long_fore = float(np.linalg.norm(upper)), float(np.linalg.norm(fore))
    target = _wrist_target(model, person, shoulder, side, scene, rng)
    reach = target - shoulder
    shortest = 0.42 * (long_upper + long_fore)  # an elbow bends to about 145 degrees
    distance = float(np.clip(np.linalg.norm(reach), shortest, 0.995 * (long_upper + long_fore)))
    towards = unit(reach)
    # The elbow lies on a circle about the line from shoulder to wrist; down and out is easy.
    along = (long_upper**2 - long_fore**2 + distance**2) / (2 * distance)
    aside = math.sqrt(max(1e-6, long_upper**2 - along**2))
    ease = np.array((side * rng.uniform(0.1, 1.3), rng.uniform(-0.2, 0.8), -rng.uniform(0.1, 1.2)))
    pole = unit(ease - towards * float(ease @ towards))
    joint = towards * along + pole * aside
    hand = towards * distance - joint
    hinge = np.cross(joint, hand)
    rest_hinge = np.cross(upper, fore)
    straight = float(np.linalg.norm(hinge)) < 1e-5
    hinge = np.cross(pole, towards) if straight else hinge
    whole = frame_of(joint, hinge) @ frame_of(upper, rest_hinge).T
    found[f"upperarm01.{name}"] = whole
    bent = whole.T @ unit(hand)
    found[f"lowerarm01.{name}"] = frame_of(bent, rest_hinge) @ frame_of(fore, rest_hinge).T
    found[f"lowerarm02.{name}"] = turn_about(fore, float(rng.normal(0, 45)))
    found[f"wrist.{name}"] = turn_about(rng.normal(size=3).astype(np.float32), rng.normal(0, 22))


def _wrist_target(
    model: BodyModel,
    person: Person,
    shoulder: Floats,
    side: float,
    scene: Scene,
    rng: np.random.Generator,
) -> Floats:
    """Choose a wrist position, in metres of the rest posture."""
    head = model.joint(person, "head")
    hip = model.joint(person, "root")
    arm = 0.29 * float(person.vertices[:, 2].max() - person.vertices[:, 2].min())
    kinds = {
        "webcam": (0.12, 0.20, 0.16, 0.22, 0.10, 0.12, 0.08),
        "standing": (0.34, 0.10, 0.14, 0.14, 0.08, 0.08, 0.12),
        "sport": (0.10, 0.05, 0.05, 0.15, 0.20, 0.10, 0.35),
    }[scene]
    kind = int(rng.choice(len(kinds), p=np.array(kinds) / sum(kinds)))
    spread = rng.normal(0, 0.05, 3)
    spot: Numbers
    if kind == 0:  # hanging down
        spot = shoulder + arm * (unit(np.array((side * 0.18, -0.08, -1.0))) + 2 * spread)
    elif kind == 1:  # at the face, the ears or the hair, in front of it or beside it
        spot = head + np.array(
            (side * rng.uniform(-0.08, 0.19), rng.uniform(-0.27, -0.02), rng.uniform(-0.19, 0.17))
        )
    elif kind == 2:  # on the chest, the belly, the hips, or the other arm
        spot = (
            np.array((side * rng.uniform(-0.14, 0.3), rng.uniform(-0.27, -0.10), 0.0))
            + hip
            + (0, 0, rng.uniform(-0.05, 0.42))
        )
    elif kind == 3:  # talking: in front, at any height
        spot = shoulder + arm * rng.uniform(0.55, 1.0) * unit(
            np.array((side * rng.normal(0.25, 0.55), -1.0, rng.normal(-0.25, 0.6)))
        )
    elif kind == 4:  # overhead
        spot = shoulder + arm * rng.uniform(0.6, 1.0) * unit(
            np.array((side * rng.normal(0.2, 0.4), rng.normal(-0.2, 0.3), 1.0))
        )
    elif kind == 5:  # out to the side
        spot = shoulder + arm * rng.uniform(0.6, 1.0) * unit(
            np.array((side, rng.normal(-0.2, 0.4), rng.normal(0.0, 0.6)))
        )
    else:  # anywhere an arm can go
        way = unit(rng.normal(size=3).astype(np.float32))
        way = way * np.array((1, 1 if way[1] < 0.5 else -1, 1))
        spot = shoulder + arm * rng.uniform(0.45, 1.0) * way
    spot = spot + spread
    # Not through the trunk: positions inside it are moved to its front.
    is_low = spot[2] < shoulder[2] + 0.05
    if is_low and abs(spot[0]) < 0.17 and spot[1] > -0.13:
        spot[1] = -rng.uniform(0.15, 0.3)
    return np.asarray(spot, np.float32)


def _hand(
    found: dict[str, Rotation],
    model: BodyModel,
    person: Person,
    name: str,
    rng: np.random.Generator,
) -> None:
    """Finger rotations between flat and a fist."""
    wrist = model.joint(person, f"wrist.{name}")
    first, last = (model.joint(person, f"finger{n}-1.{name}") for n in (2, 5))
    back_of_hand = np.cross(first - wrist, last - wrist) * (1 if name == "L" else -1)
    curl = float(np.clip(rng.normal(25, 28), -5, 85))
    for finger in range(2, 6):
        base = model.joint(person, f"finger{finger}-1.{name}")
        tip = model.joint(person, f"finger{finger}-3.{name}")
        hinge = np.cross(back_of_hand, tip - base)
        for joint in range(1, 4):
            found[f"finger{finger}-{joint}.{name}"] = turn_about(hinge, curl)


def _leg(
    found: dict[str, Rotation],
    model: BodyModel,
    person: Person,
    side: float,
    name: str,
    scene: Scene,
    rng: np.random.Generator,
) -> None:
    hip, knee = (model.joint(person, f"{bone}.{name}") for bone in ("upperleg01", "lowerleg01"))
    # Each leg separately: also half seated, a foot up, a knee on a chair.
    is_seated = scene == "webcam" and rng.random() < 0.6
    if is_seated:
        lift, spread, knee_bend = rng.normal(82, 12), rng.normal(12, 12), rng.normal(85, 22)
    elif scene == "sport":
        lift, spread, knee_bend = rng.normal(30, 42), rng.normal(16, 22), abs(rng.normal(45, 42))
    else:
        lift, spread, knee_bend = rng.normal(4, 13), rng.normal(5, 7), abs(rng.normal(4, 16))
    lift, spread = float(np.clip(lift, -40, 125)), float(np.clip(spread, -15, 75))
    whole = turn(1, -side * spread) @ turn(0, -lift) @ turn(2, side * rng.normal(6, 14))
    rest = unit(knee - hip)
    straight = frame_of(np.asarray(_DOWN, np.float32), np.array((1, 0, 0), np.float32))
    found[f"upperleg01.{name}"] = (
        whole @ straight @ frame_of(rest, np.array((1, 0, 0), np.float32)).T
    )
    found[f"lowerleg01.{name}"] = turn(0, float(np.clip(knee_bend, 0, 140)))
    found[f"foot.{name}"] = turn(0, -rng.normal(0, 14)) @ turn(2, rng.normal(0, 8))


def hides_face(keypoints: Floats) -> NDArray[np.bool_]:
    """(17,) which keypoints of a face turned away are not labelled, seen from -y.

    Args:
        keypoints: (17, 3) COCO keypoints.
    """
    nose, left_ear, right_ear = keypoints[0], keypoints[3], keypoints[4]
    forward = unit(nose - (left_ear + right_ear) / 2)
    away = float(forward[1])  # 1: the back of the head
    hidden = np.zeros(len(keypoints), np.bool_)
    hidden[:3] = away > 0.15
    across = unit(left_ear - right_ear)
    hidden[3] = away > 0.45 or float(across[1]) > 0.75
    hidden[4] = away > 0.45 or float(across[1]) < -0.75
    return hidden
