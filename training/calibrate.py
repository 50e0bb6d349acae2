"""Fit the three numbers that turn MoveNet's maps into scores that mean something.

    python -m training.calibrate models/movenet_lightning_256x192.onnx --data PACKS

Half of the held-out people (training/configs/people_held_out.txt and LSPET 9001 to 9500) and what
hangs beside people fit the score's logit; the other half says what came of it. Put the numbers
into export: ``export_onnx.py --score A,B,C``.
"""

from __future__ import annotations

from export import needed_packages  # noqa: F401

# isort: split
import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize

from engines.errors import UsageError
from export.center_decoding import DecodeCenter
from export.graph import Preprocess
from export.recipe import Recipe, build_network, find_recipe
from export.weights import load_weights
from realtime.command import Parser, run_command
from training.datasets.pack import PackDataset
from training.measure import crop_of
from training.metrics import relative_error, torso_px

Floats = NDArray[np.float64]
HELD_OUT = Path(__file__).parent / "configs" / "people_held_out.txt"
# How often Thunder is right (within a fifth of the torso) at a score: against people's labels of
# LSPET, where of its contradictions at high scores half are mistakes of the labels.
_TEACHER_SCORE = (0.05, 0.2, 0.4, 0.6, 0.85)
_TEACHER_RIGHT = (0.30, 0.60, 0.83, 0.94, 0.97)
_SHARES = {"people": 0.6, "lspet": 0.3, "surroundings": 0.1}
_NARROWEST = 40  # pixels of a strip beside somebody


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """What maps say of M keypoints, and whether they are right.

    Attributes:
        logits: (M, 3) heatmap, centre, and 1.
        right: (M,) 0 to 1.
        person: (M,) which crop, to split by.
    """

    logits: Floats
    right: Floats
    person: NDArray[np.int64]

    def part(self, odd: int) -> Evidence:
        """Every second crop."""
        chosen = self.person % 2 == odd
        return Evidence(self.logits[chosen], self.right[chosen], self.person[chosen])


class Maps:
    """A network with its decoder, stopped before scores are made.

    Args:
        recipe: Of a network that gives heads.
        weights: State dict or model file.
    """

    def __init__(self, recipe: Recipe, weights: Path) -> None:
        self.recipe = recipe
        self._network = build_network(recipe, load_weights(weights)).eval()
        self._before = Preprocess(mean=recipe.mean, std=recipe.std)
        height, width = recipe.input_hw
        grid_hw = (height // 4, width // 4)
        self._decode = DecodeCenter(
            keypoints=len(recipe.skeleton), grid_hw=grid_hw, stride=4, softness=recipe.softness
        )

    def __call__(self, crops: NDArray[np.uint8]) -> tuple[Floats, Floats]:
        """(N, H, W, 3) crops to (N, K, 2) crop pixels and (N, K, 3) logits, the third 1."""
        with torch.inference_mode():
            found = self._decode.find(self._network(self._before(torch.from_numpy(crops))))
        xy, heatmap, center, _ = (t.numpy().astype(np.float64) for t in found)
        ones = np.ones_like(heatmap)
        return xy, np.concatenate((heatmap, np.broadcast_to(center, heatmap.shape), ones), 2)


def of_people(maps: Maps, dataset: PackDataset) -> Evidence:
    """Evidence on labelled people, cropped as the app crops."""
    recipe, parts = maps.recipe, []
    for row in range(len(dataset)):
        sample = dataset.sample(row)
        torso = torso_px(sample.xy[None], sample.is_known[None], dataset.skeleton)
        if not np.isfinite(sample.bbox).all() or not np.isfinite(torso[0]):
            continue
        crop, place = crop_of(
            sample.image_bgr, sample.bbox, size_hw=recipe.input_hw, padding=recipe.padding
        )
        xy, logits = maps(crop[None])
        error = relative_error(place.to_frame(xy), sample.xy[None], torso)[0]
        sure = dataset.teacher_score(row)
        counts, trust = sample.is_counted, np.ones(len(error))
        if sure is not None:  # a teacher's labels, sure or not
            counts = np.asarray(np.isfinite(sample.xy).all(axis=1))
            trust = np.interp(sure, _TEACHER_SCORE, _TEACHER_RIGHT)
        right = (error < 0.2) * trust
        parts.append(Evidence(logits[0][counts], right[counts], np.full(counts.sum(), row)))
    return _joined(parts)


def of_surroundings(maps: Maps, dataset: PackDataset, count: int) -> Evidence:
    """Evidence on what lies beside people: nothing found there is right."""
    height, width = maps.recipe.input_hw
    parts: list[Evidence] = []
    for row in range(len(dataset)):
        if len(parts) == count:
            break
        sample = dataset.sample(row)
        strip = _widest_strip(sample.image_bgr, sample.bbox, width / height)
        if strip is None:
            continue
        _, logits = maps(cv2.resize(strip, (width, height), interpolation=cv2.INTER_AREA)[None])
        k = logits.shape[1]
        parts.append(Evidence(logits[0], np.zeros(k), np.full(k, row)))
    return _joined(parts)


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
        raise UsageError("a data set has nobody to learn from", fix="check --data")
    return Evidence(
        np.concatenate([part.logits for part in parts]),
        np.concatenate([part.right for part in parts]),
        np.concatenate([part.person for part in parts]),
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


def table(sets: dict[str, Evidence], numbers: Floats) -> list[str]:
    """How often keypoints of a score are right, a row for each tenth."""
    names = list(sets)
    lines = ["| score | " + " | ".join(names) + " |", "|---|" + "---:|" * len(names)]
    scores = {n: 1.0 / (1.0 + np.exp(-(e.logits @ numbers))) for n, e in sets.items()}
    for low in np.arange(0.0, 1.0, 0.1):
        cells = []
        for name, evidence in sets.items():
            chosen = (scores[name] >= low) & (scores[name] < low + 0.1)
            count = int(chosen.sum())
            cells.append(f"{evidence.right[chosen].mean():.2f} ({count})" if count else "-")
        lines.append(f"| {low:.1f} to {low + 0.1:.1f} | " + " | ".join(cells) + " |")
    return lines


def calibrate(arguments: argparse.Namespace) -> str:
    """Do what the command line says; returns the numbers and the table."""
    origin = find_recipe(arguments.weights)
    if origin is None or not origin.recipe.network.startswith("movenet"):
        raise UsageError(
            f"{arguments.weights} is no MoveNet with its recipe", fix="name a model file of ours"
        )
    maps = Maps(origin.recipe, arguments.weights)
    root: Path = arguments.data
    people = PackDataset(root / "people.tar", only=HELD_OUT, outside="drop")
    lspet = PackDataset(root / "lspet.tar", first=9001, last=9500, outside="drop")
    strips = PackDataset(root / "lspet.tar", last=2000, outside="drop")
    sets = {
        "people": of_people(maps, people),
        "lspet": of_people(maps, lspet),
        "surroundings": of_surroundings(maps, strips, arguments.strips),
    }
    numbers = fit({name: evidence.part(0) for name, evidence in sets.items()})
    told = ",".join(f"{number:.3f}" for number in numbers)
    others = {name: evidence.part(1) for name, evidence in sets.items()}
    return "\n".join((f"--score {told}", "", *table(others, numbers)))


def main(argv: Sequence[str] | None = None) -> int:
    """Entry; returns the exit code."""

    def work() -> str:
        parser = Parser(
            prog="python -m training.calibrate",
            description=__doc__,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        parser.add_argument("weights", type=Path, help="model file, or weights with their recipe")
        parser.add_argument("--data", type=Path, required=True, help="folder of the packs")
        parser.add_argument("--strips", type=int, default=400, help="crops without anybody")
        return calibrate(parser.parse_args(argv))

    return run_command(work)


if __name__ == "__main__":
    sys.exit(main())
