"""The tool that breaks lines tells a tested one from an untested one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.mutants.__main__ import main
from tests.mutants.sources import KINDS, Source, draw

CODE = """
def double(x: int) -> int:
    return x * 2


def third(x: int) -> int:
    return x // 3


def fourth(x: int) -> int:
    return x // 4
"""
TEST = """
from functools import cache
import pytest
from toy.code import double, fourth, third

@pytest.fixture(scope="module")
def doubled() -> int:
    return double(4)

def test_double_is_a_number(doubled: int) -> None:
    assert doubled > 0

def test_double(doubled: int) -> None:
    assert doubled == 8

@pytest.fixture(scope="module", autouse=True)
def unrelated() -> None:
    pass

@pytest.fixture
def a_third() -> int:
    return third(6)

def test_third_is_a_number(a_third: int) -> None:
    assert a_third > 0

@cache
def fourth_of(x: int) -> int:
    return fourth(x)

def test_fourth_is_a_number() -> None:
    assert fourth_of(8) > 0

def test_fourth() -> None:
    assert fourth_of(8) == 2
"""
forks = pytest.mark.posix("forks")
# Nothing of this is needed there, and it takes most of the time.
SETTINGS = "[pytest]\naddopts = -p no:hypothesispytest -p no:xdist\n"


@pytest.fixture
def app(tmp_path: Path) -> Path:
    """A project with a line whose change is noticed, and one whose change is not."""
    files = {"toy/code.py": CODE, "tests/test_toy.py": TEST, "pytest.ini": SETTINGS}
    for file, text in files.items():
        (tmp_path / "app" / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "app" / file).write_text(text)
    return tmp_path / "app"


@forks
def test_a_broken_line_is_killed_where_it_is_tested_and_survives_where_not(
    app: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("pytest_cov")
    pytest.importorskip("pytest_timeout")
    found = tmp_path / "found.json"
    options = ["--paths", "toy", "--kind", "integer", "--seed", "3", "--jobs", "1"]
    options += ["--reach", str(tmp_path / "reach.json"), "--warm", "json", "no_such_package"]
    assert main([str(app), *options, "--json", str(found)]) == 0
    mutants = json.loads(found.read_text())["mutants"]
    # What the first setup makes serves all five tests, what the third makes itself alone, and
    # what the fourth keeps is made anew for the fifth.
    assert {m["line"]: (m["result"], m["tests"]) for m in mutants} == {
        3: ("killed", 5),
        7: ("survived", 1),
        11: ("killed", 2),
    }
    said = capsys.readouterr().out
    survivors = said.split("survivors:")[1]
    assert "toy/code.py:7: '3' -> '(4)': survived" in survivors
    assert "toy/code.py:3" not in survivors
    assert "2 of 3 killed (67 %)" in said
    assert "seed 3" in said
    assert (app / "toy/code.py").read_text() == CODE

    # Again, of what the first run found; but not after the code has changed.
    assert main([str(app), *options, "--json", str(found)]) == 0
    assert json.loads(found.read_text())["mutants"][0]["result"] in {"killed", "survived"}
    said = capsys.readouterr().out
    assert "2 of 3 killed (67 %)" in said
    assert "tests pass" not in said
    (app / "toy/code.py").write_text("\n" + CODE)
    with pytest.raises(SystemExit):
        main([str(app), *options])
    assert "it was found in other sources; remove it" in capsys.readouterr().err


@forks
def test_what_ends_or_stops_pytest_itself_is_told_from_what_a_test_notices(
    app: Path, tmp_path: Path
) -> None:
    """One change ends the process, one keeps it for ever, one breaks the import of the tests."""
    pytest.importorskip("pytest_cov")
    pytest.importorskip("pytest_timeout")
    (app / "toy/code.py").write_text(
        "import os, time\n"
        "def ends(x: int) -> None:\n"
        "    if x > 1: os.abort()\n"
        "def stays(x: int) -> None:\n"
        "    while x < 1: time.sleep(0.1)\n"
        "STEP = 1\n"
        "assert STEP == 1\n"
    )
    (app / "tests/test_toy.py").write_text(
        "from toy.code import STEP, ends, stays\n"
        "def test_ends() -> None: ends(1)\n"
        "def test_stays() -> None: stays(2)\n"
        "def test_step() -> None: assert STEP\n"
    )
    found = tmp_path / "found.json"
    options = ["--paths", "toy", "--sample", "0", "--kind", "expression", "integer"]
    assert main([str(app), *options, "--limit", "8", "--json", str(found)]) == 0
    results = {(m["old"], m["new"]): m["result"] for m in json.loads(found.read_text())["mutants"]}
    assert results["x > 1", "((x) <= (1))"] == "killed"
    assert results["x < 1", "((x) >= (1))"] == "unfinished"
    assert results["1", "(2)"] == "killed"


@forks
def test_pytest_that_cannot_start_in_a_warm_process_is_no_killed_change(app: Path) -> None:
    pytest.importorskip("pytest_cov")
    pytest.importorskip("pytest_timeout")
    (app / "pytest.ini").write_text(f"{SETTINGS}filterwarnings = error\n")
    with pytest.raises(RuntimeError, match="try without --warm"):
        main([str(app), "--paths", "toy", "--jobs", "1", "--warm", "pytest_timeout"])


@forks
def test_a_file_that_is_not_there_is_said(app: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main([str(app), "--file", "no/such/file", "--paths", "toy"])
    assert "no/such/file" in capsys.readouterr().err


def test_every_kind_of_change_is_made() -> None:
    text = (
        "LIMIT = 1.5\n"
        "def f(a, b=True):\n"
        "    if a > 10 and not b:\n"
        "        a += 1\n"
        "        print('kept')\n"
        "    return min(a, b)\n"
    )
    source = Source("f.py", text)
    made = {(m.line, m.kind, m.new) for m in source.mutants}
    assert made == {
        (1, "float", "(3.0)"),
        (1, "float", "(0.75)"),
        (2, "boolean", "(False)"),
        (3, "expression", "(True)"),
        (3, "expression", "(False)"),
        (3, "expression", "(a > 10)"),
        (3, "expression", "(not b)"),
        (3, "expression", "((a) <= (10))"),
        (3, "integer", "(20)"),
        (3, "integer", "(5)"),
        (3, "expression", "(b)"),
        (4, "statement", "pass"),
        (4, "integer", "(2)"),
        (6, "expression", "(max)"),
    }
    assert {m.kind for m in source.mutants} == set(KINDS)
    for mutant in source.mutants:
        compile(source.changed(mutant), "f.py", "exec")


def test_a_constant_that_only_an_assertion_names_is_reached_by_it() -> None:
    source = Source("test_f.py", "def test():\n    assert f(LIMIT) == f'{DIGITS}'\n")
    assert {("LIMIT", 2), ("DIGITS", 2)} <= set(source.uses)
    assert source.mutants == []


def test_what_a_cached_function_computes_is_reached_by_all_who_call_it() -> None:
    """Also where a function within it does: it runs for the first of many tests only."""
    source = Source(
        "f.py",
        "A = 7\n"
        "@lru_cache\n"
        "def colours():\n"
        "    def of(k):\n"
        "        return A * 2\n"
        "    return of(1)\n"
        "def usual():\n"
        "    return 3\n",
    )
    assert ("A", ("colours",)) in source.makes
    assert {m.line: m.names for m in source.mutants} == {
        1: ("A",),
        5: ("colours",),
        6: ("colours",),
        8: (),
    }


def test_a_sample_is_one_change_a_line_and_the_same_for_a_seed() -> None:
    source = Source("f.py", "".join(f"A{n} = {n}.5\n" for n in range(40)))
    chosen = draw(source.mutants, 10, 4)
    assert len({m.line for m in chosen}) == 10
    assert chosen == draw(source.mutants, 10, 4)
    assert chosen != draw(source.mutants, 10, 5)
    assert draw(source.mutants, 0, 4) == source.mutants


def test_what_only_checks_something_is_not_changed() -> None:
    source = Source(
        "a.py", "def f(a, b):\n    assert len(a) == 2\n    return list(zip(a, b, strict=True))\n"
    )
    assert [(m.old, m.new) for m in source.mutants] == []
