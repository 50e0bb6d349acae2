"""Options that describe a foreign network, on the command line or in a TOML file."""

from __future__ import annotations

import argparse
import dataclasses
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from steadypose.engines.errors import UsageError
from steadypose.engines.skeletons.skeleton import Skeleton
from steadypose.realtime.command.config.toml_table import read_toml, refuse_unknown
from steadypose.realtime.command.options.parser import Parser
from steadypose.realtime.model.skeletons import ChosenSkeleton, to_skeleton

Cells = Literal["half", "corner", "udp"]
_FIX = "see docs/foreign_models.md"


@dataclass(frozen=True, slots=True)
class WrapOptions:
    """Everything an ONNX file does not contain; None: guess it and report the guess.

    Attributes:
        name: Model id.
        skeleton: Names and order of the keypoints.
        input: Crop height and width, pixels; only for a network of free size.
        layout: ``nchw`` or ``nhwc``, of the network's input.
        colour: ``rgb`` or ``bgr``, of the network's input.
        normalise: A name of ``steadypose.export.wrap.feed.SHORTHANDS``.
        scale: Factor of pixels 0 to 255, before ``mean`` and ``std``.
        mean: One or three numbers, in the order of the network's channels.
        std: Like ``mean``.
        heatmaps: Output that holds the heatmaps.
        heatmap_layout: ``nchw`` (N, K, h, w) or ``nhwc`` (N, h, w, K).
        background: Heatmap that is no keypoint's: ``first`` or ``last``.
        stride: Crop pixels per heatmap cell.
        cells: Where cell i lies, crop pixels: ``half`` (i + 0.5) * stride - 0.5, ``corner``
            i * stride, ``udp`` i * (W - 1) / (w - 1) (Huang et al. 2020, arXiv:1911.07524).
        refine: ``quarter``, ``dark`` or ``none``, see ``steadypose.export.models.decoding.Decode``.
        sigma: Of the training targets, cells; for ``dark``.
        simcc: Outputs with the scores along x and along y (Li et al. 2022).
        split_ratio: SimCC bins per crop pixel.
        points: Output that holds coordinates.
        point: A letter for each number of a point: ``x``, ``y``, ``s`` a score, ``-`` anything.
        unit: Of coordinates: ``pixels`` of the input, or a ``share`` of its sides.
        person_score: Output with one score for the whole person, or for each of several, 0 to 1.
        point_scores: Output with a score for each keypoint, where the points have none.
        activation: ``sigmoid`` if the outputs are logits.
        padding: Box factor of the training.
        licence: Of the weights.
        provenance: Where the weights come from.
    """

    name: str | None = None
    skeleton: Skeleton | None = None
    input: tuple[int, int] | None = None
    layout: Literal["nchw", "nhwc"] | None = None
    colour: Literal["rgb", "bgr"] | None = None
    normalise: str | None = None
    scale: float | None = None
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    heatmaps: str | None = None
    heatmap_layout: Literal["nchw", "nhwc"] | None = None
    background: Literal["first", "last"] | None = None
    stride: float | None = None
    cells: Cells | None = None
    refine: Literal["quarter", "dark", "none"] | None = None
    sigma: float | None = None
    simcc: tuple[str, str] | None = None
    split_ratio: float | None = None
    points: str | None = None
    point: str | None = None
    unit: Literal["pixels", "share"] | None = None
    person_score: str | None = None
    point_scores: str | None = None
    activation: Literal["none", "sigmoid"] | None = None
    padding: float | None = None
    licence: str = "unknown"
    provenance: str = "unknown"

    def __post_init__(self) -> None:
        limits = {"stride": 64.0, "sigma": 20.0, "split_ratio": 16.0}
        for key, most in limits.items():
            value = getattr(self, key)
            if value is not None and not 0.1 <= value <= most:
                raise UsageError(f"{key} {value} is not between 0.1 and {most:g}", fix=_FIX)
        if self.padding is not None and not 1.0 <= self.padding <= 4.0:
            raise UsageError(f"padding {self.padding} is not between 1 and 4", fix=_FIX)
        self._check_numbers()
        self._check_outputs()

    def _check_numbers(self) -> None:
        for key in ("mean", "std"):
            value = getattr(self, key)
            if value is not None and len(value) not in {1, 3}:
                raise UsageError(f"{key} has {len(value)} numbers, not one or three", fix=_FIX)
        numbers = (self.scale or 0.0, *(self.mean or ()), *(self.std or ()))
        if not all(math.isfinite(n) for n in numbers) or 0 in (self.std or ()) or self.scale == 0:
            raise UsageError("scale and std must not be zero, nor anything infinite", fix=_FIX)
        if self.normalise is not None and (self.scale or self.mean or self.std):
            raise UsageError(
                "both a shorthand and numbers define the normalisation",
                fix="give --normalise, or --scale, --mean and --std",
            )

    def _check_outputs(self) -> None:
        if sum(v is not None for v in (self.heatmaps, self.simcc, self.points)) > 1:
            raise UsageError(
                "outputs of several kinds are named",
                fix="give only one of --heatmaps, --simcc and --points",
            )
        if self.point is not None:
            _check_point(self.point)
        if self.simcc is not None and self.simcc[0] == self.simcc[1]:
            raise UsageError(f"simcc names {self.simcc[0]!r} twice", fix="give --simcc X Y")

    @property
    def named(self) -> list[str]:
        """Outputs that are named."""
        one = [name for name in (self.heatmaps, self.points) if name]
        scores = [name for name in (self.person_score, self.point_scores) if self.points and name]
        return [*one, *(self.simcc or ()), *scores]

    @classmethod
    def from_namespace(cls, given: argparse.Namespace) -> WrapOptions:
        """Read the options that were given; the others stay None."""
        known = {field.name for field in dataclasses.fields(cls)}
        values = {k: v for k, v in vars(given).items() if k in known and v is not None}
        for key in ("mean", "std", "simcc"):
            if key in values:
                values[key] = tuple(values[key])
        if "skeleton" in values:
            values["skeleton"] = values["skeleton"].skeleton
        return cls(**values)


def _check_point(point: str) -> None:
    letters = sorted(point.replace("-", ""))
    if letters not in (["x", "y"], ["s", "x", "y"]):
        raise UsageError(
            f"point {point!r} is not x, y and perhaps s, each once, with - for others",
            fix="give the order of a point's numbers, such as xys, yxs or xy-s-",
        )


def load_toml(path: Path, parser: Parser) -> argparse.Namespace:
    """Read a TOML file whose entries are the long options, with - or _ in their names.

    Args:
        path: The file.
        parser: Defines the options.

    Raises:
        UsageError: It is missing, no TOML, or has an unknown or impossible entry.
    """
    data = read_toml(path, fix=_FIX)
    known = [field.name for field in dataclasses.fields(WrapOptions)]
    refuse_unknown(path, (k for k in data if k.replace("-", "_") not in known), known, _FIX)
    table = data.pop("skeleton") if isinstance(data.get("skeleton"), dict) else None
    words: list[str] = []
    for key, value in data.items():
        words += _words(path, key.replace("_", "-"), value)
    try:
        given = parser.parse_args(words)
    except UsageError as error:
        raise UsageError(f"{path}: {error.what}", fix=_FIX) from None
    if table is not None:
        given.skeleton = ChosenSkeleton(to_skeleton(table, path), path)
    return given


def _words(path: Path, key: str, value: Any) -> list[str]:
    """Convert an entry to its form on the command line."""
    items = value if isinstance(value, list) else [value]
    if not items or not all(type(item) in {str, int, float} for item in items):
        raise UsageError(f"{path}: {key} cannot be {value!r}", fix=_FIX)
    if key == "input" and len(items) == 2:
        items = [f"{items[0]}x{items[1]}"]
    if len(items) == 1:
        return [f"--{key}={items[0]}"]
    return [f"--{key}", *(str(item) for item in items)]
