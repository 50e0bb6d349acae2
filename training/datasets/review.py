"""Look over all data sets of a run, without reading a picture, before anything is learnt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from training.datasets import Remapped
from training.datasets.coco import CocoDataset
from training.datasets.judging import judge, shared_pictures
from training.datasets.table import Table, digest, require_pictures, table_of
from training.examples.sample import PoseDataset


@dataclass(frozen=True, slots=True)
class Review:
    """What was found.

    Attributes:
        notes: For the user.
        digest: Of the labels that are learnt, see ``training.datasets.table.digest``.
    """

    notes: list[str]
    digest: str


def review(train: Sequence[PoseDataset], validate: Sequence[PoseDataset]) -> Review:
    """Judge the labels, and look for the pictures.

    Raises:
        SourceError: Labels contradict themselves, or a picture is missing.
    """
    learnt, measured = [table_of(d) for d in train], [table_of(d) for d in validate]
    notes: list[str] = []
    for dataset, table in zip((*train, *validate), (*learnt, *measured), strict=True):
        notes += [note for note in review_one(dataset, table) if note not in notes]
    require_pictures((*learnt, *measured))
    return Review(notes + shared_pictures(learnt, measured), digest(learnt, train[0].skeleton))


def review_one(dataset: PoseDataset, table: Table | None = None) -> list[str]:
    """Judge the labels of one data set.

    Raises:
        SourceError: They contradict themselves.
    """
    inner = dataset.inner if isinstance(dataset, Remapped) else dataset
    name = str(inner.annotations) if isinstance(inner, CocoDataset) else inner.name
    notes = judge(table or table_of(inner), inner.skeleton, name=name)
    if isinstance(inner, CocoDataset):
        notes += [f"{name}: {note}" for note in _of_the_file(inner)]
    return notes


def _more(found: Sequence[object]) -> str:
    return f" ({len(found)} such)" if len(found) > 1 else ""


def _of_the_file(dataset: CocoDataset) -> list[str]:
    notes = []
    file = dataset.file
    if file.repeated:
        notes.append(f"{len(file.repeated)} pictures are listed twice, such as {file.repeated[0]}")
    if file.shared:
        notes.append(
            f"{file.shared[0]} is listed with several ids{_more(file.shared)}: were names mixed up "
            "when files were joined?"
        )
    if file.twice:
        notes.append(f"several annotations have the id {file.twice[0]}{_more(file.twice)}")
    if dataset.beyond:
        notes.append(
            f"{dataset.beyond} annotations have no keypoint inside their picture and are left out"
        )
    strange = [
        row for row in dataset.rows if any(v not in {0.0, 1.0, 2.0} for v in row.keypoints[2::3])
    ]
    if strange:
        notes.append(
            f"{len(strange)} annotations ({strange[0].id}) have a visibility other than 0, 1 and 2"
        )
    return notes
