"""Fit the three numbers that turn MoveNet's maps into calibrated scores.

    python -m training.calibrate models/movenet_lightning_224x192.onnx --data PACKS

Half of the held-out people (training/configs/people_held_out.txt and LSPET 9001 to 9500) and
image regions beside the athletes are used to fit the score's logit; the other half, of other
images, tests the fit. Pass the numbers to export: ``export_onnx.py --score A,B,C``. The second
table is for the scores in the file, which may have been fitted to the first half earlier.
"""

from __future__ import annotations

from steadypose.engines.wording.printable import visible_lines
from steadypose.realtime.command.options.parser import Parser, require, run_command

if __name__ == "__main__":
    require("torch", "onnx", "scipy", requirements="requirements-train.txt")

import argparse
import sys
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize

from steadypose.engines.errors import UsageError
from steadypose.export.models.registry import kind_of
from steadypose.export.weights.building import build_model
from steadypose.export.weights.recipe import Recipe, build_network, find_recipe
from steadypose.export.weights.state_dict import load_weights
from training.datasets.pack import HELD_OUT, PackDataset
from training.examples.sample import usable
from training.measures.measure import crop_of, in_batches
from training.measures.metrics import relative_error, torso_px
from training.measures.results import publish, table

Floats = NDArray[np.float64]
# How often Thunder is right (within a fifth of the torso) at a score: against people's labels of
# LSPET, where of its contradictions at high scores half are mistakes of the labels.
_TEACHER_SCORE = (0.05, 0.2, 0.4, 0.6, 0.85)
_TEACHER_RIGHT = (0.30, 0.60, 0.83, 0.94, 0.97)
_SHARES = {"people": 0.6, "lspet": 0.3, "surroundings": 0.1}
_BATCH = 16
_NARROWEST = 40  # pixels, minimum width of a strip beside a person


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """Logits of M keypoints, and whether the keypoints are right.

    Attributes:
        logits: (M, 3) heatmap, centre, and 1.
        right: (M,) 0 to 1.
        picture: (M,) number of its image or clip, for splitting.
    """

    logits: Floats
    right: Floats
    picture: NDArray[np.int64]

    def part(self, odd: int) -> Evidence:
        """Select half of the images; people of one image or clip stay together."""
        chosen = self.picture % 2 == odd
        return Evidence(self.logits[chosen], self.right[chosen], self.picture[chosen])


class Maps:
    """A network with its decoder, up to the logits of the scores.

    Args:
        recipe: Recipe of a network with MoveNet's heads.
        weights: State dict or model file.

    Raises:
        ModelFileError: The weights cannot be read or are for another network.
    """

    def __init__(self, recipe: Recipe, weights: Path) -> None:
        self.recipe = recipe
        self._model = build_model(recipe, build_network(recipe, load_weights(weights)))

    def __call__(self, crops: NDArray[np.uint8]) -> tuple[Floats, Floats]:
        """Run the network on crops.

        Args:
            crops: (N, H, W, 3) uint8 BGR.

        Returns:
            (N, K, 2) crop pixels and (N, K, 3) logits of heatmap and centre, the third 1.
        """
        model = self._model
        with torch.inference_mode():
            heads = model.network(model.preprocess(torch.from_numpy(crops)))
            found = model.decode.find(heads)
        xy, heatmap, center, _ = (t.numpy().astype(np.float64) for t in found)
        ones = np.ones_like(heatmap)
        return xy, np.concatenate((heatmap, np.broadcast_to(center, heatmap.shape), ones), 2)


def of_people(maps: Maps, dataset: PackDataset) -> Evidence:
    """Evidence on labelled people, cropped as the app crops."""
    recipe, parts = maps.recipe, []
    for rows in in_batches(range(len(dataset)), _BATCH):
        samples = list(usable(dataset, rows))
        cuts = [
            crop_of(s.image_bgr, s.bbox, size_hw=recipe.input_hw, padding=recipe.padding)
            for _, s in samples
        ]
        found, logits = maps(np.stack([crop for crop, _ in cuts]))
        for n, (row, sample) in enumerate(samples):
            torso = torso_px(sample.xy[None], sample.is_known[None], dataset.skeleton)
            if not np.isfinite(torso[0]):
                continue
            xy = cuts[n][1].to_frame(found[n])
            error = relative_error(xy[None], sample.xy[None], torso)[0]
            sure = dataset.teacher_score(row)
            counts, trust = sample.is_counted, np.ones(len(error))
            if sure is not None:  # a teacher's labels, with its scores
                counts = np.asarray(np.isfinite(sample.xy).all(axis=1))
                trust = np.interp(sure, _TEACHER_SCORE, _TEACHER_RIGHT)
            right = ((error <= 0.2) * trust)[counts]
            parts.append(Evidence(logits[n][counts], right, _picture(sample.name, counts.sum())))
    return _joined(parts)


def of_surroundings(maps: Maps, dataset: PackDataset) -> Evidence:
    """Evidence on regions beside people, where any keypoint found is wrong."""
    height, width = maps.recipe.input_hw
    parts = []
    for _, sample in usable(dataset, range(len(dataset))):
        strip = _widest_strip(sample.image_bgr, sample.bbox, width / height)
        if strip is None:
            continue
        _, logits = maps(cv2.resize(strip, (width, height), interpolation=cv2.INTER_AREA)[None])
        k = logits.shape[1]
        parts.append(Evidence(logits[0], np.zeros(k), _picture(sample.name, k)))
    return _joined(parts)


def _picture(name: str, count: int) -> NDArray[np.int64]:
    """Number of the image or clip: file names end in the person, for clips also in the frame."""
    source = name.rsplit("_", 1)[0] if "_" in name else name
    for clip in ("desk_", "asl_", "walk_"):
        source = clip if source.startswith(clip) else source
    return np.full(count, zlib.crc32(source.encode()), np.int64)


def _widest_strip(
    image_bgr: NDArray[np.uint8], bbox: NDArray[np.float32], aspect: float
) -> NDArray[np.uint8] | None:
    if not np.isfinite(bbox).all():
        return None
    h, w = image_bgr.shape[:2]
    x1, y1, x2, y2 = (int(v) for v in bbox)
    strips = (
        image_bgr[:, : max(0, x1 - 4)],
        image_bgr[:, max(0, x2 + 4) :],
        image_bgr[: max(0, y1 - 4)],
        image_bgr[max(0, y2 + 4) :],
    )
    strip = max(strips, key=lambda part: min(part.shape[:2]))
    h, w = strip.shape[:2]
    if min(h, w) < _NARROWEST:
        return None
    w, h = min(w, int(h * aspect)), min(h, int(w / aspect))
    return strip[:h, :w]


def _joined(parts: Sequence[Evidence]) -> Evidence:
    if not parts:
        raise UsageError("a data set contains no people to learn from", fix="check --data")
    return Evidence(
        np.concatenate([part.logits for part in parts]),
        np.concatenate([part.right for part in parts]),
        np.concatenate([part.picture for part in parts]),
    )


def fit(sets: dict[str, Evidence]) -> Floats:
    """(3,) weights of the logits: logistic regression with the sets' shares (Platt 1999)."""
    logits = np.concatenate([e.logits for e in sets.values()])
    right = np.concatenate([e.right for e in sets.values()])
    each = [np.full(len(e.right), _SHARES[n] / len(e.right)) for n, e in sets.items()]
    weight = np.concatenate(each)

    def cost(numbers: Floats) -> tuple[float, Floats]:
        logit = logits @ numbers
        loss = weight @ (np.logaddexp(0.0, logit) - right * logit)
        slope = weight * (1.0 / (1.0 + np.exp(-logit)) - right)
        return float(loss), logits.T @ slope

    return np.asarray(minimize(cost, np.array((1.0, 0.0, 0.0)), jac=True).x)


def reliability_table(sets: dict[str, Evidence], numbers: Floats) -> list[str]:
    """Table of the share of right keypoints by score, a row for each tenth."""
    names = list(sets)
    head = ["score", *names, "people and lspet, mean"]
    rows = []
    scores = {n: 1.0 / (1.0 + np.exp(-(e.logits @ numbers))) for n, e in sets.items()}
    for low in np.arange(0.0, 1.0, 0.1):
        cells, means = [], []
        for name, evidence in sets.items():
            chosen = (scores[name] >= low) & (scores[name] < low + 0.1)
            count, share = int(chosen.sum()), evidence.right[chosen].mean() if chosen.any() else 0.0
            cells.append(f"{share:.2f} ({count})" if count else "-")
            if count and name != "surroundings":
                means.append(share)
        cells.append(f"{np.mean(means):.2f}" if means else "-")
        rows.append((f"{low:.1f} to {low + 0.1:.1f}", *cells))
    return table(head, rows).split("\n")


def calibrate(arguments: argparse.Namespace) -> list[str]:
    """Run the command; returns the numbers and the tables.

    Raises:
        SteadyposeError: The weights are no MoveNet, or the packs cannot be read.
    """
    origin = find_recipe(arguments.weights)
    if origin is None or kind_of(origin.recipe.network).gives != "heads":
        raise UsageError(
            f"{arguments.weights} is no MoveNet with its recipe", fix="name a model file of ours"
        )
    maps = Maps(origin.recipe, arguments.weights)
    root: Path = arguments.data
    people = PackDataset(root / "people.tar", only=HELD_OUT, outside="drop")
    lspet = PackDataset(root / "lspet.tar", first=9001, last=9500, outside="drop")
    sets = {
        "people": of_people(maps, people),
        "lspet": of_people(maps, lspet),
        "surroundings": of_surroundings(maps, lspet),
    }
    numbers = fit({name: evidence.part(0) for name, evidence in sets.items()})
    others = {name: evidence.part(1) for name, evidence in sets.items()}
    values = ",".join(f"{number:.3f}" for number in numbers)
    text = visible_lines(
        (
            f"{origin.name}; right: within a fifth of the torso; in brackets: keypoints; people: "
            "everyday pictures, the teacher's labels, weighted by its accuracy on LSPET",
            "",
            f"fitted: --score {values}",
            "",
            *reliability_table(others, numbers),
            "",
            f"in the file: --score {','.join(f'{number:g}' for number in origin.recipe.score)}",
            "",
            *reliability_table(others, np.array(origin.recipe.score)),
        )
    )
    return publish(text, arguments.output).split("\n")


def build_parser() -> Parser:
    """All options."""
    parser = Parser(
        prog="python -m training.calibrate",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("weights", type=Path, help="model file, or weights with their recipe")
    parser.add_argument("--data", type=Path, required=True, help="folder of the packs")
    parser.add_argument("--output", type=Path, help="also write the result to this file")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Entry; returns the exit code."""
    return run_command(lambda: calibrate(build_parser().parse_args(argv)))


if __name__ == "__main__":
    sys.exit(main())
