"""Descriptions of how a foreign network's outputs are read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class HeatmapReading:
    """Heatmaps, and where their cells lie in the crop.

    Attributes:
        name: Output.
        is_nhwc: (N, h, w, K), else (N, K, h, w).
        heatmap_hw: Cells.
        step_xy: Crop pixels from cell to cell, along x and y.
        offset_xy: Crop pixels of cell 0.
        refine: See ``steadypose.export.models.decoding.Decode``.
        sigma: Of the training targets, cells.
        is_logit: A sigmoid comes first.
        cells: Name of the rule behind ``step_xy`` and ``offset_xy``.
        background: Which heatmap is no keypoint's: ``first`` or ``last``.
    """

    name: str
    is_nhwc: bool
    heatmap_hw: tuple[int, int]
    step_xy: tuple[float, float]
    offset_xy: tuple[float, float]
    refine: Literal["quarter", "dark", "none"]
    sigma: float
    is_logit: bool
    cells: str
    background: Literal["first", "last"] | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the outputs to read."""
        return (self.name,)

    def describe(self) -> str:
        """Description for the model file."""
        x, y = self.step_xy
        stride = f"{x:g}" if x == y else f"{x:g} x {y:g}"
        return f"{self.refine}, {self.cells} cells, stride {stride}"


@dataclass(frozen=True, slots=True)
class SimccReading:
    """A score for every fraction of a pixel along x, and one along y (Li et al. 2022).

    Attributes:
        names: Outputs along x and y.
        split_ratio: Bins per crop pixel.
        is_logit: A sigmoid comes first.
    """

    names: tuple[str, str]
    split_ratio: float
    is_logit: bool

    def describe(self) -> str:
        """Description for the model file."""
        return f"simcc, split ratio {self.split_ratio:g}"


@dataclass(frozen=True, slots=True)
class PointsReading:
    """Coordinates as numbers: of one person, or of many candidates.

    Attributes:
        name: Output.
        keypoints: K.
        point: A letter for each number of a point: ``x``, ``y``, ``s`` its score, others are
            passed over.
        candidates: None: one person's numbers in a row, in any shape; ``last``: (N, candidates,
            numbers); ``middle``: (N, numbers, candidates).
        first: Place in a row where the points begin.
        confidences: Places of a candidate's confidence; of several classes, the highest counts.
        person: Output with one score of the whole person.
        point_scores: Output with a score for each keypoint.
        scale_xy: Crop pixels of 1, along x and y.
        offset: Crop pixels that are added.
        is_logit: A sigmoid comes before a point's score.
    """

    name: str
    keypoints: int
    point: str
    candidates: Literal["last", "middle"] | None
    first: int
    confidences: tuple[int, ...]
    person: str | None
    point_scores: str | None
    scale_xy: tuple[float, float]
    offset: float
    is_logit: bool

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the outputs to read."""
        return (self.name, *(name for name in (self.person, self.point_scores) if name))

    @property
    def has_scores(self) -> bool:
        """Whether anything says how sure a keypoint is."""
        return "s" in self.point or bool(self.confidences or self.person or self.point_scores)

    def describe(self) -> str:
        """Description for the model file; the app looks at how it begins."""
        if not self.has_scores:
            return "coordinates without scores"
        return f"points {self.point}" + (", most certain candidate" if self.candidates else "")


Reading = HeatmapReading | SimccReading | PointsReading
