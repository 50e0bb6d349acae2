"""Every example runs, is short, and passes a strict type check in somebody's project."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import steadypose as sp
from steadypose.realtime.model.places import ROOT
from steadypose.realtime.sources.demo import DemoScene
from tests.support.drawn import write_picture
from tests.support.lint import lay_out

FOLDER = ROOT / "docs" / "examples"
EXAMPLES = sorted(path.stem for path in FOLDER.glob("*.py"))


def run(name: str, *words: str, cwd: Path) -> str:
    """What an example prints, outside the checkout, without a screen."""
    done = subprocess.run(
        [sys.executable, str(FOLDER / f"{name}.py"), *words],
        check=False,
        cwd=cwd,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), "MPLBACKEND": "Agg", "PYTHONUTF8": "1"},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def waving(tmp_path_factory: pytest.TempPathFactory) -> str:
    """One and a half seconds of the demo, in which a hand goes up, as a folder of pictures."""
    folder = tmp_path_factory.mktemp("waving")
    scene = DemoScene()
    for n in range(45):
        image = scene.draw(45 + n)
        write_picture(str(folder / f"{n:03d}.png"), image)
    return str(folder)


def test_examples_are_short_and_each_is_in_the_documents() -> None:
    told = (ROOT / "docs" / "library.md").read_text()
    assert len(EXAMPLES) == 7
    for name in EXAMPLES:
        assert len((FOLDER / f"{name}.py").read_text().splitlines()) <= 40
        assert f"examples/{name}.py" in told


def test_what_the_documents_show_is_python_and_names_what_there_is() -> None:
    pages = [ROOT / "docs/library.md", *(ROOT / "docs/tasks").glob("*.md")]
    fence = re.compile(r"^```python\n(.*?)^```", re.DOTALL | re.MULTILINE)
    blocks = [block for page in pages for block in fence.findall(page.read_text())]
    assert len(blocks) >= 8
    for block in blocks:
        for node in ast.walk(ast.parse(block)):
            if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "sp":
                assert hasattr(sp, node.attr), ast.unparse(node)


@pytest.mark.slow
def test_the_demo_squats_once(tmp_path: Path) -> None:
    printed = run("squats", "demo", cwd=tmp_path).splitlines()
    assert printed[-1] == "1 squat"
    assert re.fullmatch(r" 1[01]\.\d\d s: squat 1", printed[0])


@pytest.mark.slow
def test_a_raised_hand_is_noticed_once(tmp_path: Path, waving: str) -> None:
    printed = run("raised_hand", waving, cwd=tmp_path).splitlines()
    assert len(printed) == 1
    assert printed[0].endswith("person 1, left hand up")


@pytest.mark.slow
def test_an_elbow_is_told_with_its_margin(tmp_path: Path, waving: str) -> None:
    printed = run("elbow_angle", waving, cwd=tmp_path).splitlines()
    assert len(printed) >= 2
    for line in printed:
        found = re.fullmatch(r" +\d+\.\d\d s: +(\d+) ± (\d+) degrees", line)
        assert found is not None
        assert 60 < int(found[1]) < 200
        assert 0 < int(found[2]) <= 33


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "package", "file"),
    [
        ("live_plot", "matplotlib", "plot.png"),
        ("supervision_overlay", "supervision", "people.png"),
        ("rerun_viewer", "rerun", "people.rrd"),
        ("two_people_to_parquet", "pyarrow", "wrists.parquet"),
    ],
)
def test_what_an_example_writes_is_there(
    tmp_path: Path, waving: str, name: str, package: str, file: str
) -> None:
    pytest.importorskip(package)
    run(name, waving, file, cwd=tmp_path)
    assert (tmp_path / file).stat().st_size > 3000
    if file.endswith(".parquet"):
        rows = pytest.importorskip("pyarrow.parquet").read_table(tmp_path / file).to_pylist()
        assert {row["person"] for row in rows} == {1}
        assert {row["side"] for row in rows} == {"left", "right"}
        assert all(row["std_x"] > 0 for row in rows if row["x"] == row["x"])


@pytest.mark.slow
def test_every_example_passes_a_strict_type_check(tmp_path: Path) -> None:
    for package in ("mypy", "pyarrow", "matplotlib"):
        pytest.importorskip(package)
    site, project = tmp_path / "site", tmp_path / "project"
    site.mkdir()
    lay_out(site)
    shutil.copytree(FOLDER, project)
    names = "supervision.*,rerun.*,rclpy.*,hri_msgs.*"
    absent = f"[mypy]\n[mypy-{names}]\nignore_missing_imports = true\n"
    (tmp_path / "mypy.ini").write_text(absent)
    words = ["--strict", "--follow-imports=silent", f"--config-file={tmp_path}/mypy.ini"]
    done = subprocess.run(
        [sys.executable, "-m", "mypy", *words, f"--cache-dir={tmp_path}/c", "."],
        check=False,
        cwd=project,
        capture_output=True,
        text=True,
        env={**os.environ, "MYPYPATH": str(site)},
    )
    assert done.returncode == 0, done.stdout + done.stderr
