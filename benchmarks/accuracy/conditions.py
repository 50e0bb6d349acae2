"""Accuracy by condition: rendered people in easy and hard conditions, with exact labels.

    python -m benchmarks.accuracy.conditions [--model FILE] [--picture docs/conditions.jpg]

Needs requirements-people.txt. Training saw none of these bodies, clothes and postures, but others
of the same generator: compare rows, and ignore the absolute level.
"""

from __future__ import annotations

from steadypose.realtime.command.options.parser import Number, require

if __name__ == "__main__":
    require("torch", requirements="requirements-train.txt")

import argparse
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.common import guarded, open_network, parser, publish, table
from steadypose.engines.base import Engine
from steadypose.engines.skeletons.people import COCO17
from steadypose.realtime.model.places import DEFAULT_MODEL
from training.evaluate import worst_rows
from training.examples.sample import Label, Sample
from training.measures.measure import Found, crops_of, infer_crops, measure
from training.people.body import BodyModel
from training.people.postures import turn
from training.people.scene import Labelled, Staging, Studio
from training.runs.progress import draw_grid, write_picture

FRONT = turn(2, 0)
CONDITIONS: dict[str, Staging] = {
    "standing, facing the camera": Staging("standing", facing=FRONT, others=0),
    "before a webcam": Staging("webcam", others=0),
    "sport, any way round": Staging("sport", others=0),
    "turned sideways": Staging("standing", facing=turn(2, 90), others=0),
    "back view": Staging("standing", facing=turn(2, 180), others=0),
    "upside-down": Staging("standing", facing=turn(1, 180), others=0),
    "child": Staging("standing", facing=FRONT, others=0, is_child=True),
    "among three others": Staging("standing", facing=FRONT, others=3),
    "half hidden": Staging("standing", facing=FRONT, others=0, cover=0.5),
    "dark, an eighth of the light": Staging("standing", facing=FRONT, others=0, light=0.125),
}
_SEED, _PEOPLE = 99, 60  # training's packs have seeds 1 and 2, and 160 people
_SHOWN, _WHOLE = 3, 9
_GROUPS = {
    "face": range(5),
    "shoulders, elbows, wrists": range(5, 11),
    "hips, knees, ankles": range(11, 17),
    "all": range(17),
}


class Staged:
    """Rendered people of one condition as a data set."""

    def __init__(self, name: str, made: list[Labelled]) -> None:
        self.name = name
        self.skeleton = COCO17
        self._made = made

    def __len__(self) -> int:
        return len(self._made)

    def labels(self) -> Iterator[Label]:
        """None: nothing is learnt from them."""
        return iter(())

    def sample(self, row: int) -> Sample:
        """Render one image; only keypoints inside it count."""
        made = self._made[row]
        height, width = made.image_bgr.shape[:2]
        xy = made.keypoints[:, :2]
        is_inside = ((xy >= 0) & (xy <= (width - 1, height - 1))).all(axis=1)
        is_known: NDArray[np.bool_] = made.keypoints[:, 2] > 0
        is_counted = is_known & is_inside
        return Sample(f"{self.name} {row}", made.image_bgr, xy, is_known, is_counted, made.bbox)


def strip_of(engine: Engine, dataset: Staged, found: Found) -> NDArray[np.uint8]:
    """The worst, a median and the best image, with the keypoints found."""
    order = np.array([place for place, _ in worst_rows(found, len(found.rows))])
    is_whole = found.is_counted[order].sum(axis=1) >= _WHOLE  # a head alone is not informative
    order = order[is_whole] if is_whole.sum() >= _SHOWN else order
    rows = order[np.linspace(0, len(order) - 1, _SHOWN).astype(int)]
    samples = [dataset.sample(int(found.rows[row])) for row in rows]
    crops = crops_of(samples, engine.spec)
    points = infer_crops(engine, crops)
    strip = draw_grid(crops, points, engine.spec.skeleton, columns=_SHOWN)
    cv2.putText(strip, dataset.name, (4, 14), cv2.FONT_HERSHEY_SIMPLEX, 0.42, (255, 255, 255), 1)
    return strip


def build_parser() -> argparse.ArgumentParser:
    """All options."""
    made = parser(__doc__)
    made.add_argument("--model", type=Path, default=DEFAULT_MODEL)
    made.add_argument(
        "--count", type=Number(1, 10000), default=100, help="people in each condition"
    )
    made.add_argument("--picture", type=Path, help="also write three of each condition here")
    return made


def main() -> None:
    """Measure and print."""
    arguments = build_parser().parse_args()
    engine = open_network(arguments.model)
    studio = Studio(BodyModel(), [], people=_PEOPLE)
    rows, pictures = [], []
    for name, staging in CONDITIONS.items():
        made = [
            studio.make(np.random.default_rng((_SEED, n)), staging=staging)
            for n in range(arguments.count)
        ]
        dataset = Staged(name, made)
        found = measure(engine, dataset)
        groups = [found.pck(keypoints=list(members)) for members in _GROUPS.values()]
        cells = ["" if np.isnan(value) else f"{value:.3f}" for value in groups]
        score = float(found.score[found.is_counted].mean())
        rows.append((name, f"{int(found.is_counted.sum())}", *cells, f"{score:.2f}"))
        pictures.append(strip_of(engine, dataset, found))
    head = ("PCK@0.2 of the torso", "keypoints", *_GROUPS, "mean score")
    publish(
        f"{engine.spec.name} on {engine.label}; {arguments.count} rendered people each, known box"
        f"\n\n{table(head, rows)}",
        arguments.output,
    )
    if arguments.picture is not None:
        half = (len(pictures) + 1) // 2
        columns = [np.vstack(pictures[:half]), np.vstack(pictures[half:])]
        write_picture(np.hstack(columns), arguments.picture)


if __name__ == "__main__":
    guarded(main)
