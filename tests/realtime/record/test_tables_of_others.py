"""Tables that another program wrote, changed or cut: read where they can be, else one sentence."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from steadypose.engines.errors import SteadyposeError
from steadypose.realtime.record.formats.reading import read_recording

NAMES = ("nose", "left_eye")
WIDE = "frame,time_s,person,score,a_x,a_y,a_score\n"
LONG = "frame,time_s,person,keypoint,x,y,score,raw_x,raw_y,state\n"


def columns(**other: Any) -> dict[str, Any]:
    """A frame with one person of two keypoints."""
    numbers = {name: [1.0, 2.0] for name in ("x", "y", "score", "raw_x", "raw_y")}
    place = {"frame": [0, 0], "time_s": [0.0, 0.0], "person": [1, 1]}
    made = {**place, "keypoint": list(NAMES), **numbers, "state": ["measured", "lost"]}
    return {name: column for name, column in {**made, **other}.items() if column is not None}


def parquet(path: Path, *, head: object = None, **other: Any) -> Path:
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    table = pa.table(columns(**other))
    told = {"keypoints": list(NAMES)} if head is None else head
    if told:
        table = table.replace_schema_metadata({b"steadypose": json.dumps(told).encode()})
    pq.write_table(table, path)
    return path


def test_a_parquet_file_of_another_program_with_our_columns_is_read(tmp_path: Path) -> None:
    (person,) = read_recording(parquet(tmp_path / "a.parquet")).people
    assert person.xy[0, 0].tolist() == [1.0, 1.0]


@pytest.mark.parametrize(
    ("other", "what"),
    [
        ({"head": False}, "lacks the metadata 'steadypose'"),
        ({"head": {"keypoints": 3}}, "lacks the metadata 'steadypose'"),
        ({"score": None}, "lacks the column score"),
        ({"state": None}, "lacks the column state"),
        ({"keypoint": ["nose", "tail"]}, "'tail' is no keypoint or state"),
        ({"keypoint": ["nose", None]}, "'nothing' is no keypoint or state"),
        ({"state": ["measured", "guessed"]}, "'guessed' is no keypoint or state"),
        ({"x": ["a", "b"]}, "x has no numbers"),
        ({"y": [1.0, 1e300]}, "a number is not finite or too large"),
    ],
)
def test_a_parquet_file_that_lacks_something_is_a_sentence(
    tmp_path: Path, other: dict[str, Any], what: str
) -> None:
    with pytest.raises(SteadyposeError) as told:
        read_recording(parquet(tmp_path / "a.parquet", **other))
    assert what in told.value.what


def test_empty_cells_behind_the_last_column_are_what_a_spreadsheet_left(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(f"{WIDE}0,0.0,1,0.5,1,2,0.5,,\n1,0.1,1,0.5,3,4,0.5\n")
    (person,) = read_recording(path).people
    assert person.xy[:, 0].tolist() == [[1.0, 2.0], [3.0, 4.0]]


@pytest.mark.parametrize("row", ["0,0.0,1,0.5,1,2,0.5,,x\n", "0,0.0,1,0.5,1,2\n"])
def test_a_row_of_another_width_is_named_by_its_line(tmp_path: Path, row: str) -> None:
    path = tmp_path / "a.csv"
    path.write_text(f"{WIDE}0,0.0,1,0.5,1,2,0.5\n{row.replace('0,0.0', '1,0.1', 1)}2,0.2,,,,,\n")
    with pytest.raises(SteadyposeError, match=r"line 3: \d columns, expected 7"):
        read_recording(path)


def test_a_file_that_ends_within_its_first_person_says_so(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(f"{LONG}0,0.0,1,nose,1,2,0.5,1,2,measured\n0,0.0,1,left_eye,1,2,0.5,1,2,me")
    with pytest.raises(SteadyposeError, match="was cut off before its first person was complete"):
        read_recording(path)
