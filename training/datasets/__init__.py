"""Data sets of labelled people. Nothing here downloads anything."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from steadypose.engines.errors import UsageError
from steadypose.engines.skeletons.skeleton import Skeleton
from training.config import DataConfig, TrainConfig
from training.datasets.coco import CocoDataset
from training.datasets.lsp import LspDataset
from training.datasets.mannequin import MannequinDataset
from training.datasets.mpii import MpiiDataset
from training.datasets.pack import LISTS, PackDataset
from training.examples.sample import Label, PoseDataset, Sample

KINDS: Mapping[str, Callable[..., PoseDataset]] = {
    "pack": PackDataset,
    "coco": CocoDataset,
    "mpii": MpiiDataset,
    "lsp": LspDataset,
    "mannequin": MannequinDataset,
}
PATHS = ("tar", "annotations", "images", "folder", "teacher")
"""Options that say where a data set lies."""
_LISTS = ("only", "without")  # may name lists of this repository
_FEWEST_SHARED = 3


class Remapped:
    """A data set whose keypoints are put in another skeleton's order, by name.

    Keypoints that the data set does not have are unknown and not trained.
    """

    def __init__(self, inner: PoseDataset, skeleton: Skeleton) -> None:
        self.inner = inner
        self.name = inner.name
        self.skeleton = skeleton
        names = inner.skeleton.keypoints
        self._from = [names.index(n) if n in names else -1 for n in skeleton.keypoints]
        if sum(index >= 0 for index in self._from) < min(_FEWEST_SHARED, len(names)):
            raise UsageError(
                f"data set {inner.name} ({inner.skeleton.name}) shares too few keypoint names "
                f"with the skeleton {skeleton.name}",
                fix="rename its keypoints, or train on it alone",
            )

    def __len__(self) -> int:
        return len(self.inner)

    def labels(self) -> Iterator[Label]:
        """The inner labels, in their own order: they are judged as they are."""
        return self.inner.labels()

    def sample(self, row: int) -> Sample:
        """The inner sample in this skeleton's order."""
        s = self.inner.sample(row)
        has = np.array(self._from) >= 0
        return Sample(
            s.name,
            s.image_bgr,
            s.xy[self._from],
            s.is_known[self._from] & has,
            s.is_counted[self._from] & has,
            s.bbox,
            s.head_px,
            None if s.is_hidden is None else s.is_hidden[self._from] & has,
        )


def open_dataset(config: DataConfig, *, root: Path) -> PoseDataset:
    """Open one data set of a config; relative paths start at ``root``.

    Raises:
        UsageError: Unknown kind or option.
        SourceError: Its files are missing or damaged.
    """
    kind = KINDS.get(config.kind)
    if kind is None:
        raise UsageError(
            f"data set kind {config.kind!r} is not known", fix=f"use one of {', '.join(KINDS)}"
        )
    accepted = [name for name in inspect.signature(kind).parameters if name != "self"]
    options: dict[str, Any] = {}
    for key, value in config.options.items():
        _check_option(config.kind, key, value)
        if key not in accepted:
            raise UsageError(
                f"data set kind {config.kind!r} has no option {key!r}",
                fix=f"it takes {', '.join(accepted)}",
            )
        folder = root if key in PATHS else LISTS if key in _LISTS else None
        options[key] = value if folder is None else folder / value
    try:
        return kind(**options)
    except TypeError as error:
        raise UsageError(
            f"data set kind {config.kind!r}: {error}", fix=f"it takes {', '.join(accepted)}"
        ) from error


def files_of_config(config: TrainConfig) -> list[str]:
    """Names of all files and folders that a config says are read, from its root."""
    told = [v for data in (*config.train, *config.validate) for v in data.options.values()]
    told += [config.network.weights, config.teacher.weights if config.teacher else ""]
    return [text for text in told if isinstance(text, str) and text]


def _check_option(kind: str, key: str, value: Any) -> None:
    wants_text = key in {*PATHS, *_LISTS, "category", "outside", "prefix"}
    is_right = isinstance(value, str) if wants_text else type(value) is int and value >= 0
    allowed = {"error", "drop", "keep"} if kind == "pack" else {"error", "drop"}
    if key == "outside" and value not in allowed:
        is_right = False
    if key == "count" and value == 0:
        is_right = False
    if not is_right:
        raise UsageError(
            f"data set kind {kind!r}: {key} cannot be {value!r}", fix="see docs/training.md"
        )


def open_datasets(
    configs: Sequence[DataConfig], *, root: Path, skeleton: Skeleton | None = None
) -> list[PoseDataset]:
    """Open several data sets, all in one skeleton's order (default: the first one's)."""
    opened = [open_dataset(config, root=root) for config in configs]
    wanted = skeleton or opened[0].skeleton
    return [d if d.skeleton == wanted else Remapped(d, wanted) for d in opened]
