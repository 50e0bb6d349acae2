"""Record a run's progress: a log, a curve, and a grid of predictions."""

from __future__ import annotations

import csv
import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from steadypose.engines.errors import RecordError, UsageError
from steadypose.engines.file_io import replace_file
from steadypose.engines.skeletons.skeleton import Skeleton
from steadypose.realtime.datatypes import SEEN_SCORE
from steadypose.realtime.record.picture import with_comment

COLUMNS = ("epoch", "stage", "step", "seconds", "rate", "loss", "pck", "waiting")
_LIMB = (233, 180, 86)
_DOT = (0, 159, 230)
_TILE_PX = 192  # height of a crop in a grid


class Log:
    """One CSV row per epoch; an existing file is continued.

    Args:
        path: The CSV file.
        until_step: Rows of later steps are dropped first: they were run after the
            checkpoint from which training continues, and will be run again.
    """

    def __init__(self, path: Path, *, until_step: int) -> None:
        self._path = path
        self.rows = [row for row in read_log(path) if int(row["step"]) <= until_step]
        replace_file(path, self._write_all)

    def _write_all(self, path: Path) -> None:
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, COLUMNS)
            writer.writeheader()
            writer.writerows(self.rows)

    def has(self, step: int) -> bool:
        """Whether the epoch that ended with this step was measured."""
        return any(int(row["step"]) == step for row in self.rows)

    def write(self, row: Mapping[str, str]) -> None:
        """Append one row; it is on disk afterwards."""
        self.rows.append(dict(row))
        with self._path.open("a", newline="", encoding="utf-8") as file:
            csv.DictWriter(file, COLUMNS).writerow(row)


class Meter:
    """Mean loss and times of the current epoch."""

    def __init__(self, state: Sequence[float] | None = None) -> None:
        self._sum, self._count, self.seconds, self._epoch_s, self._waited_s = state or (
            0.0,
            0.0,
            0.0,
            0.0,
            0.0,
        )

    def add(self, loss: float, took_s: float, waited_s: float) -> None:
        """One step."""
        self._sum += loss
        self._count += 1
        self.seconds += took_s
        self._epoch_s += took_s
        self._waited_s += waited_s

    @property
    def loss(self) -> float:
        """Mean loss of the epoch so far."""
        return self._sum / max(1.0, self._count)

    @property
    def waiting(self) -> float:
        """Share of the epoch's time spent waiting for data."""
        return self._waited_s / max(1e-9, self._epoch_s)

    @property
    def step_s(self) -> float:
        """Mean seconds of a step of this epoch."""
        return self._epoch_s / max(1.0, self._count)

    def start_epoch(self) -> None:
        """Forget the last epoch."""
        self._sum = self._count = self._epoch_s = self._waited_s = 0.0

    def state(self) -> list[float]:
        """State for the checkpoint."""
        return [self._sum, self._count, self.seconds, self._epoch_s, self._waited_s]


def read_log(path: Path) -> list[dict[str, str]]:
    """Read the rows of a log; empty if there is none. Half rows, after a crash, are left out."""
    return _read(path)[0]


def log_notes(path: Path, *, has_checkpoint: bool) -> list[str]:
    """What a run that goes on should say about its log.

    Args:
        path: The log.
        has_checkpoint: The run has one: then it decides, and a log can never cost it.

    Raises:
        UsageError: The file is not a log of training, and no checkpoint lies beside it.
    """
    _, lost, is_log = _read(path)
    if not is_log and not has_checkpoint:
        raise UsageError(f"{path} is not a log of training.train", fix="choose another --out")
    if not lost:
        return []
    return [f"{path}: {lost} lines are no rows and left out; the checkpoint is whole"]


def _read(path: Path) -> tuple[list[dict[str, str]], int, bool]:
    """The rows, how many lines are none, and whether it is a log at all."""
    if not path.exists():
        return [], 0, True
    text = path.read_text(encoding="utf-8-sig", errors="replace").replace("\0", "\ufffd")
    if not text.strip():
        return [], 0, True
    header, *lines = csv.reader(text.splitlines())
    if tuple(header) != COLUMNS:
        return [], len(lines) + 1, False
    rows = [dict(zip(COLUMNS, line, strict=False)) for line in lines if _is_row(line)]
    return rows, len(lines) - len(rows), True


def _is_row(line: Sequence[str]) -> bool:
    try:
        epoch, stage, step = (int(v) for v in line[:3])
        numbers = [float(v) for v in line[3:]]
    except ValueError:
        return False
    return min(epoch, stage, step) > 0 and len(numbers) == len(COLUMNS) - 3


def draw_curve(rows: Sequence[Mapping[str, str]], path: Path, *, title: str) -> None:
    """Plot loss and PCK over epochs, if matplotlib is there; dotted lines separate the stages."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415  # slow import
        from matplotlib.figure import Figure  # noqa: PLC0415
    except ImportError:
        return

    figure = Figure(figsize=(8, 4), layout="constrained")
    FigureCanvasAgg(figure)
    left = figure.subplots()
    right = left.twinx()
    epoch = np.array([float(row["epoch"]) for row in rows])
    left.plot(epoch, [float(row["loss"]) for row in rows], color="#56b4e9", label="training loss")
    right.plot(epoch, [float(row["pck"]) for row in rows], color="#d55e00", label="PCK@0.2")
    for before, after in itertools.pairwise(rows):
        if before["stage"] != after["stage"]:
            left.axvline(float(before["epoch"]), color="grey", linestyle=":")
    left.set(xlabel="epoch", ylabel="training loss", title=title)
    right.set(ylabel="PCK@0.2 on the validation crops")
    left.set_ylim(bottom=0)
    figure.legend(loc="outside lower center", ncols=2)
    replace_file(path, lambda fresh: figure.savefig(fresh, dpi=110, format="png"))


def draw_grid(
    crops: NDArray[np.uint8],
    keypoints: NDArray[np.float32],
    skeleton: Skeleton,
    *,
    columns: int = 8,
    least_score: float = SEEN_SCORE,
    captions: Sequence[str] = (),
    truth: NDArray[np.float32] | None = None,
) -> NDArray[np.uint8]:
    """Draw crops with their predicted skeletons, in one image.

    Args:
        crops: (N, H, W, 3) uint8 BGR.
        keypoints: (N, K, 3): x and y in crop pixels, score.
        skeleton: Of K keypoints.
        columns: Crops side by side.
        least_score: Keypoints below are not drawn.
        captions: Text under each crop, or none.
        truth: (N, K, 2) labels in crop pixels, NaN where unknown; white crosses.

    Returns:
        (H', W', 3) uint8 BGR.
    """
    zoom = _TILE_PX / crops.shape[1]
    width = round(crops.shape[2] * zoom)
    tiles = []
    for n, (crop, points) in enumerate(zip(crops, keypoints, strict=True)):
        tile = cv2.resize(crop, (width, _TILE_PX), interpolation=cv2.INTER_LINEAR)
        at = ((points[:, :2] + 0.5) * zoom - 0.5).round().astype(int)
        is_seen = points[:, 2] >= least_score
        for a, b in skeleton.limbs:
            if is_seen[a] and is_seen[b]:
                cv2.line(tile, tuple(at[a]), tuple(at[b]), _LIMB, 2, cv2.LINE_AA)
        for k in np.flatnonzero(is_seen):
            cv2.circle(tile, tuple(at[k]), 3, _DOT, -1, cv2.LINE_AA)
        if truth is not None:
            for x, y in truth[n][np.isfinite(truth[n]).all(axis=1)] * zoom:
                cv2.drawMarker(
                    tile, (int(x), int(y)), (255, 255, 255), cv2.MARKER_TILTED_CROSS, 6, 1
                )
        if captions:
            tile = cv2.copyMakeBorder(tile, 0, 16, 0, 0, cv2.BORDER_CONSTANT)
            cv2.putText(
                tile, captions[n], (2, _TILE_PX + 12), cv2.FONT_HERSHEY_SIMPLEX, 0.34,
                (255, 255, 255), 1, cv2.LINE_AA,
            )  # fmt: skip
        tiles.append(tile)
    while len(tiles) % columns:
        tiles.append(np.zeros_like(tiles[0]))
    rows = [np.hstack(tiles[i : i + columns]) for i in range(0, len(tiles), columns)]
    return np.vstack(rows)


def write_picture(picture: NDArray[np.uint8], path: Path) -> None:
    """Write a picture file, by whose comment it is known to be ours.

    Raises:
        RecordError: The folder or the file's ending is wrong, or the disk is full.
    """
    try:
        data = with_comment(cv2.imencode(path.suffix, picture)[1].tobytes())
        replace_file(path, lambda fresh: fresh.write_bytes(data))
    except (cv2.error, OSError) as error:
        raise RecordError(
            f"cannot write {path}", fix="choose a .jpg or .png in a folder you own"
        ) from error
