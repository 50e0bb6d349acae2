"""Names of keypoints that a model file brings: hostile ones are refused, cells are no formulas."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steadypose.engines.errors import ModelFileError
from steadypose.engines.skeletons.skeleton import Skeleton
from steadypose.engines.wording.printable import from_cell, to_cell, visible

NASTY = ("a,b", '"c"', "=cmd|'/c calc'!A0", "'=1", "+1", "-2", "@x", " d ", "e\nf", "g\th", "")


@pytest.mark.parametrize("name", NASTY)
def test_a_name_that_would_break_a_table_is_refused(name: str) -> None:
    with pytest.raises(ModelFileError, match="a name has letters"):
        Skeleton("nasty", (name,), (), (), (0.1,))


@given(st.lists(st.text(), min_size=1, max_size=4))
def test_a_row_of_any_cells_is_one_that_others_read_and_no_formula(texts: list[str]) -> None:
    line = ",".join(map(to_cell, texts))
    (row,) = csv.reader(io.StringIO(line + "\n", newline=""), strict=True)
    assert len(row) == len(texts) or texts == [""]
    for cell in row:
        assert not cell.startswith(("=", "+", "-", "@")), cell
    assert [from_cell(cell) for cell in row] == list(map(visible, texts)) or texts == [""]
