"""Render one labelled image: a person, perhaps others, and surroundings."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from training.people.body import BodyModel, Floats, Person, Rotation
from training.people.postures import Scene, hides_face, sample_posture, turn
from training.people.render import NEAREST_M, Camera, Images, paint
from training.people.surroundings import any_light, hang_behind, put_board, put_furniture
from training.people.wardrobe import Dressed, any_picture, dress
from training.people.zones import Zones, find_zones

_PEOPLE = 160
_FINER = 2  # supersampling factor: smooth edges
_SCENES: tuple[Scene, ...] = ("webcam", "standing", "sport")
_SHARES = (0.45, 0.25, 0.3)  # of each


@dataclass(frozen=True, slots=True, eq=False)
class Labelled:
    """An image and its labelled person.

    Attributes:
        image_bgr: (H, W, 3) uint8.
        keypoints: (17, 3) float32 x, y in pixels (also outside the image), and 2, or 0
            if no annotator could label it: a face turned away, legs behind a desk. Arms
            behind a desk count as labelled: annotators guess them too.
        bbox: (4,) float32 x1, y1, x2, y2 of the keypoints within the image.
    """

    image_bgr: Images
    keypoints: Floats
    bbox: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Staging:
    """Properties of an image that are not random.

    Attributes:
        scene: The person's kind of posture, and how much of the body is in view.
        facing: (3, 3) rotation of the whole person; none: random.
        is_child: The person is between about four and ten years old.
        others: Number of other people; none: random.
        light: Factor on all light, above 0 and at most 1.
        cover: A board hides this share of the person's box, from one side; 0 to below 1.
    """

    scene: Scene
    facing: Rotation | None = None
    is_child: bool = False
    others: int | None = None
    light: float = 1.0
    cover: float = 0.0

    def __post_init__(self) -> None:
        assert 0.0 < self.light <= 1.0
        assert 0.0 <= self.cover < 1.0


@dataclass(frozen=True, slots=True, eq=False)
class _Figure:
    dressed: Dressed
    vertices: Floats
    keypoints: Floats


class Studio:
    """Makes labelled images.

    Args:
        model: Bodies.
        pictures: Images for printed cloth and backgrounds; may be empty.
        people: Number of bodies, and seed of their shapes.
    """

    def __init__(
        self,
        model: BodyModel,
        pictures: list[Images],
        *,
        people: int = _PEOPLE,
    ) -> None:
        self._model = model
        self._pictures = pictures
        rng = np.random.default_rng(people)  # shapes take longer than postures, so they are kept
        self._people = [_random_person(model, rng) for _ in range(people)]

    def make(
        self, rng: np.random.Generator, *, longest: int = 288, staging: Staging | None = None
    ) -> Labelled:
        """Render one image, random or staged.

        Args:
            rng: Random numbers.
            longest: Longer side of the image, pixels; rounding may add one.
            staging: Properties that are not random.
        """
        if staging is None:
            staging = Staging(_SCENES[int(rng.choice(3, p=_SHARES))])
        while True:
            made = self._try(staging, rng, longest)
            if made is not None:
                return made

    def _try(self, staging: Staging, rng: np.random.Generator, longest: int) -> Labelled | None:
        scene = staging.scene
        figure = self._figure(scene, rng, staging)
        camera, size_hw = _frame(figure.keypoints, scene, rng, longest)
        xy, depth = camera.see(figure.keypoints)
        is_inside = ((xy >= 0) & (xy <= (size_hw[1] - 1, size_hw[0] - 1))).all(axis=1)
        is_inside &= depth > NEAREST_M
        if is_inside.sum() < 7:
            return None
        height, width = size_hw[0] * _FINER, size_hw[1] * _FINER
        canvas = hang_behind((height, width), self._pictures, rng)
        light = any_light(rng)
        fine = Camera(
            camera.place,
            camera.pitch,
            camera.focal_px * _FINER,
            (
                (camera.center_xy[0] + 0.5) * _FINER - 0.5,
                (camera.center_xy[1] + 0.5) * _FINER - 0.5,
            ),
        )
        figures = [(0.0, figure)]
        while len(figures) < 4 if staging.others is None else len(figures) <= staging.others:
            if staging.others is None and rng.random() >= 0.22:
                break
            aside = float(rng.choice((-1, 1)) * rng.uniform(0.55, 1.4))
            back = float(rng.uniform(-0.2, 3.0))
            other = self._figure(scene if rng.random() < 0.6 else "standing", rng)
            shift = np.array((aside * (1 + back / 3), back, rng.normal(0, 0.1)), np.float32)
            moved = _Figure(other.dressed, other.vertices + shift, other.keypoints + shift)
            figures.append((back, moved))
        for _, each in sorted(figures, key=lambda f: -f[0]):
            paint(
                canvas,
                each.vertices,
                each.dressed.faces,
                each.dressed.colours,
                each.dressed.is_two_sided,
                camera=fine,
                light=light,
            )
        edge = put_furniture(canvas, xy * _FINER, scene, rng) / _FINER
        put_board(canvas, xy[is_inside] * _FINER, staging.cover, rng)
        if staging.light < 1.0:
            canvas = np.asarray(cv2.convertScaleAbs(canvas, alpha=staging.light), np.uint8)
        image = cv2.resize(canvas, (size_hw[1], size_hw[0]), interpolation=cv2.INTER_AREA)
        is_hidden = hides_face(figure.keypoints)
        # Hips behind a desk can be guessed, legs cannot.
        is_hidden[13:] = (xy[13:, 1] > edge) & is_inside[13:]
        flags = np.where(is_hidden, 0.0, 2.0)
        keypoints = np.column_stack((xy, flags)).astype(np.float32)
        low, high = xy[is_inside].min(axis=0), xy[is_inside].max(axis=0)
        bbox = np.concatenate((low, high)).astype(np.float32)
        return Labelled(np.asarray(image, np.uint8), keypoints, bbox)

    def _figure(
        self, scene: Scene, rng: np.random.Generator, staging: Staging | None = None
    ) -> _Figure:
        person, zones, is_woman = self._people[int(rng.integers(len(self._people)))]
        if staging is not None and staging.is_child:
            person, zones, is_woman = _random_person(
                self._model, rng, age=float(rng.uniform(0.2, 0.42))
            )
        dressed = dress(
            self._model,
            person,
            zones,
            is_woman=is_woman,
            picture=any_picture(self._pictures, rng),
            rng=rng,
        )
        rotations = sample_posture(self._model, person, scene, rng)
        if staging is not None and staging.facing is not None:
            rotations["root"] = staging.facing
        vertices, keypoints = self._model.pose(person, dressed.vertices, rotations)
        return _Figure(dressed, vertices, keypoints)


def _random_person(
    model: BodyModel, rng: np.random.Generator, *, age: float | None = None
) -> tuple[Person, Zones, bool]:
    """A random person, mostly adult, and whether to dress them as a woman."""
    gender = float(rng.beta(0.35, 0.35))  # 0 is male in Anny
    shape = {
        "gender": gender,
        "age": float(rng.uniform(0.55, 1.0) if rng.random() < 0.85 else rng.uniform(0.3, 0.55)),
        "muscle": float(rng.beta(2, 2)),
        "weight": float(rng.beta(2, 2)),
        "height": float(rng.beta(3, 3)),
        "proportions": float(rng.beta(3, 2)),
    }
    if age is not None:
        shape["age"] = age
    person = model.make_person(shape)
    return person, find_zones(model, person), gender > 0.5


def _frame(
    keypoints: Floats, scene: Scene, rng: np.random.Generator, longest: int
) -> tuple[Camera, tuple[int, int]]:
    """Choose the camera's position and view: the whole person, or head to belly."""
    trunk = (keypoints[5] + keypoints[6] + keypoints[11] + keypoints[12]) / 4
    is_half = scene == "webcam" or rng.random() < 0.12
    away = float(rng.uniform(0.75, 2.6) if is_half else rng.uniform(2.2, 7.0))
    pitch = turn(0, float(rng.normal(0, 9)))
    place = np.asarray(trunk - pitch.T @ np.array((rng.normal(0, 0.1), away, 0.0)), np.float32)
    bare = Camera(place, pitch, 1.0, (0.0, 0.0))
    xy, _ = bare.see(keypoints)
    if is_half:
        torso = float(np.linalg.norm(xy[5:7].mean(axis=0) - xy[11:13].mean(axis=0)))
        torso = max(torso, 1.2 * float(np.linalg.norm(xy[5] - xy[6])))
        tall = torso * float(rng.uniform(1.5, 3.6))
        wide = tall * float(rng.choice((1.0, 4 / 3, 16 / 9)))
        head = xy[:5].mean(axis=0)
        top = head[1] - tall * float(rng.uniform(0.12, 0.42))
        middle = (head[0] + xy[5:7, 0].mean()) / 2 + wide * float(rng.normal(0, 0.08))
        low = np.array((middle - wide / 2, top))
        extent = np.array((wide, tall))
    else:
        margin = rng.uniform(0.12, 0.4, 4)
        size = float(max(np.ptp(xy[:, 0]), np.ptp(xy[:, 1])))
        low = xy.min(axis=0) - margin[:2] * size
        extent = xy.max(axis=0) + margin[2:] * size - low
    focal = longest * float(rng.uniform(0.75, 1.0)) / float(extent.max())
    size_hw = (math.ceil(extent[1] * focal), math.ceil(extent[0] * focal))
    return Camera(place, pitch, focal, (-low[0] * focal, -low[1] * focal)), size_hw
