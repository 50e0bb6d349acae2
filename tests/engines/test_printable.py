"""What others chose is shown, and does nothing."""

from __future__ import annotations

import csv
import io
import json
import os
import pickle
import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from steadypose.engines.errors import ModelFileError, RecordError, SteadyposeError
from steadypose.engines.wording import telling
from steadypose.engines.wording.printable import (
    from_cell,
    quoted,
    to_cell,
    to_command,
    visible,
    visible_lines,
    visible_values,
)
from steadypose.realtime.command.options.parser import Parser, run_command
from steadypose.realtime.model.places import ROOT
from tests.support.drawn import write_picture

EVIL = "a\x1b]0;gotcha\x07\x1b[2J\nerror: your licence has expired\r\x9b\u202e\u2028\udcff.png"
HARMFUL = re.compile("[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2028\u2029\u2066-\u2069\ud800-\udfff]")


@given(st.text())
def test_visible_text_is_one_line_that_can_be_written(text: str) -> None:
    shown = visible(text + EVIL)
    assert not HARMFUL.search(shown)
    assert len(shown.splitlines()) == 1
    assert shown.encode()
    assert visible(shown) == shown


HEALTHY = (
    *("clip 01.mp4", "C:\\films\\a.mp4", "K\u00e4se.png", "\u59ff\u52e2"),
    *("\U0001f469\u200d\U0001f680", "\u0645\u06cc\u200c\u0634\u0648\u062f"),
)


@pytest.mark.parametrize("text", HEALTHY)
def test_healthy_names_stay_as_they_are(text: str) -> None:
    assert visible(text) == text


def test_an_error_is_two_lines_whatever_is_in_its_words() -> None:
    for error in (
        RecordError(f"cannot read {EVIL}", fix=f"remove {EVIL}"),
        pickle.loads(pickle.dumps(ModelFileError(EVIL, fix=EVIL))),  # noqa: S301 - our own
    ):
        assert isinstance(error, SteadyposeError)
        assert len(str(error).splitlines()) == 2
        assert not HARMFUL.search(error.what + error.fix)


def test_a_command_prints_the_lines_it_has_and_no_more(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(lambda: f"{EVIL}: 3 frames") == 0
    assert run_command(lambda: [f"{EVIL}: 3 MB", "next"]) == 0
    printed = capsys.readouterr().out
    assert len(printed.splitlines()) == 3
    assert not HARMFUL.search(printed.replace("\n", ""))
    assert visible_lines([EVIL, EVIL]).count("\n") == 1


def test_json_values_are_visible_at_any_depth() -> None:
    assert visible_values({"a\n": ["\x1b", {"b": ("\x07", 1, None)}]}) == {
        "a\\n": ["\\x1b", {"b": ["\\x07", 1, None]}]
    }


@pytest.mark.slow
def test_a_file_name_cannot_say_something_of_its_own(tmp_path: Path) -> None:
    """The whole way: a folder with a broken picture, its recording, sidecar and report."""
    folder = tmp_path / "x\x1b[2J\nerror: pay here"
    folder.mkdir()
    write_picture(folder / "1.png", np.zeros((64, 64, 3), np.uint8))
    (folder / f"2{EVIL}").write_bytes(b"no picture")
    table = folder / "r\x1b[1m\nerror: pay there.csv"
    outputs = ["--csv", str(table), "--benchmark", str(folder / "b.json")]
    said = []
    for command in (
        ["run.py", "--source", str(folder), "--headless", *outputs],
        ["-m", "realtime.convert", str(table), str(folder / "\x1b\n.jsonl")],
        ["-m", "realtime.report", str(table), "-o", str(folder / "page.html")],
        ["run.py", "--source", f"{folder}\n/none"],
        ["run.py", "--model", f"{folder}\n/none.onnx"],
        ["run.py", f"{folder}\n"],
    ):
        done = subprocess.run(
            [sys.executable, *command], cwd=ROOT, capture_output=True, check=False
        )
        assert b"Traceback" not in done.stderr, done.stderr
        said += [done.stdout.decode(), done.stderr.decode()]
    for text in said:
        assert not HARMFUL.search(text.replace("\n", "")), text
        assert not re.search(r"^error: pay|^error: your licence", text, re.MULTILINE), text
    (sidecar,) = folder.glob("*.meta.json")
    for file in (sidecar, folder / "b.json"):
        assert "\\u001b" not in file.read_text()
    content = json.loads(sidecar.read_text())
    assert str(tmp_path) not in sidecar.read_text()
    assert content["files"][0]["names"] == [visible(table.name)]


@given(st.text())
def test_a_suggested_command_keeps_a_name_in_one_word(text: str) -> None:
    (word,) = shlex.split(quoted(text)) or [""]
    assert word.removeprefix("./") == visible(text).removeprefix("./")
    assert shlex.split(to_command("python", "a b", text)) == ["python", "a b", visible(text)]


def test_a_name_is_not_taken_for_an_option() -> None:
    assert quoted("-rf") == "./-rf"
    assert quoted("$(touch x).mp4") == "'$(touch x).mp4'"


def test_a_stray_word_is_quoted_where_it_is_to_be_pasted() -> None:
    parser = Parser(prog="run.py")
    parser.stray_fix = "to read {word}: run.py --source {word}"
    with pytest.raises(SteadyposeError) as caught:
        parser.parse_args(["$(touch"])
    assert "--source '$(touch'" in caught.value.fix


cells = st.text()


@given(
    st.lists(
        st.one_of(cells, st.sampled_from(["=cmd|'/c calc'!A0", "'=1", "a,b", '"', "@x"])),
        min_size=1,
    )
)
def test_cells_are_read_back_and_are_no_formulas(texts: list[str]) -> None:
    line = ",".join(map(to_cell, texts))
    (row,) = csv.reader(io.StringIO(f"{line}\n"), strict=True) if line else ([""],)
    assert [from_cell(cell) for cell in row] == [visible(text) for text in texts]
    assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for cell in row)


@pytest.mark.posix("pipes")
def test_what_nobody_reads_any_more_fails_once_and_leads_nowhere_from_then_on() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as stream:
        assert isinstance(telling._put("first\n", stream), BrokenPipeError)
        assert telling._put("second\n", stream) is None
