"""Names of keypoints that a model file brings: what was written is read back, and is no formula."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from steadypose.engines.printable import visible
from steadypose.engines.skeleton import Skeleton
from steadypose.realtime.datatypes import Pose
from steadypose.realtime.record.formats.entry import Entry
from steadypose.realtime.record.formats.reading import read_recording
from steadypose.realtime.record.formats.trc import to_markers, write_trc
from tests.realtime.record.test_formats import FORMATS, record

NASTY = ("a,b", '"c"', "=cmd|'/c calc'!A0", "'=1", "+1", "-2", "@x", " d ", "e\nf", "g\th", "")


def skeleton_of(names: tuple[str, ...]) -> Skeleton:
    return Skeleton("nasty", names, (), (), (0.1,) * len(names))


def entries_of(skeleton: Skeleton, frames: int = 3) -> list[Entry]:
    k = len(skeleton)
    xy = np.arange(2 * k, dtype=np.float64).reshape(k, 2)
    score, state = np.full(k, 0.5), np.full(k, 2, np.int8)
    pose = Pose(xy, score, xy, state, skeleton, 1)
    return [Entry(index, index / 30, [pose]) for index in range(frames)]


@pytest.mark.parametrize("name", FORMATS)
def test_a_recording_with_any_names_is_read_back(tmp_path: Path, name: str) -> None:
    skeleton = skeleton_of(NASTY)
    path = record(tmp_path / name, entries_of(skeleton), skeleton)
    found = read_recording(path)
    assert tuple(map(visible, found.keypoints)) == tuple(map(visible, NASTY))
    assert not found.is_cut
    assert found.people[0].xy[:, -1].tolist() == [[20.0, 21.0]] * 3


@given(st.lists(st.text(), min_size=1, max_size=4, unique_by=visible))
def test_a_csv_of_any_names_is_one_that_others_read(
    tmp_path_factory: pytest.TempPathFactory, names: list[str]
) -> None:
    skeleton = skeleton_of(tuple(names))
    folder = tmp_path_factory.mktemp("names")
    for layout in ("wide.csv", "long.csv"):
        path = record(folder / layout, entries_of(skeleton, 1), skeleton)
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.reader(file, strict=True))
        assert len(set(map(len, rows))) == 1
        for cell in (cell for row in rows for cell in row):
            assert not cell.startswith(("=", "+", "-", "@")), cell
        assert read_recording(path).keypoints == tuple(map(visible, names))


def test_a_marker_file_keeps_its_columns(tmp_path: Path) -> None:
    skeleton = skeleton_of(NASTY)
    path = record(tmp_path / "long.csv", entries_of(skeleton), skeleton)
    markers = to_markers(read_recording(path), None, None)
    write_trc(tmp_path / "x.trc", markers, title="a\tb\nc.csv")
    lines = (tmp_path / "x.trc").read_text().splitlines()
    assert len(lines) == 6 + 3
    assert len(lines[0].split("\t")) == 4
    assert len(lines[3].split("\t")) == 2 + 3 * len(NASTY)
