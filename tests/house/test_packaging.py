"""What an installation has: one name, everything the app needs, and nothing of the workshop."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from steadypose.realtime.model.places import ROOT, SHIPPED

pytest.importorskip("setuptools", minversion="77")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    place = tmp_path_factory.mktemp("wheel")
    source = place / "source"
    skip = shutil.ignore_patterns(".*", "__pycache__", "out", "built", "cache", "*.onnx")
    shutil.copytree(ROOT, source, ignore=skip)
    for model in SHIPPED:  # by name: their 47 MB would only be copied and packed
        (source / "models" / model.name).write_bytes(b"")
    pip = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation"]
    subprocess.run([*pip, str(source), "-w", str(place)], check=True)
    (file,) = place.glob("*.whl")
    return zipfile.ZipFile(file)


@pytest.mark.slow
def test_an_installation_takes_one_name(wheel: zipfile.ZipFile) -> None:
    tops = {name.partition("/")[0] for name in wheel.namelist()}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"steadypose"}


@pytest.mark.slow
def test_an_installation_has_every_module_and_the_models(wheel: zipfile.ZipFile) -> None:
    inside = set(wheel.namelist())
    for package in ("engines", "realtime", "export"):
        for path in (ROOT / package).rglob("*.py"):
            assert f"steadypose/{path.relative_to(ROOT)}" in inside
    for path in (ROOT / "realtime/record/live/web/page").iterdir():
        if path.suffix != ".pyc" and path.is_file():
            assert f"steadypose/{path.relative_to(ROOT)}" in inside
    assert {f"steadypose/models/{model.name}" for model in SHIPPED} <= inside


@pytest.mark.slow
def test_an_installation_asks_for_what_the_requirements_ask(wheel: zipfile.ZipFile) -> None:
    (name,) = (n for n in wheel.namelist() if n.endswith(".dist-info/METADATA"))
    asked = [
        str(Requirement(line.removeprefix("Requires-Dist: ")))
        for line in wheel.read(name).decode().splitlines()
        if line.startswith("Requires-Dist: ")
    ]

    def listed(file: str) -> list[str]:
        lines = (ROOT / file).read_text().splitlines()
        return [line for line in lines if line and not line.startswith(("#", "-"))]

    def extra_of(name: str, lines: list[str]) -> Iterator[str]:
        for line in lines:
            base, _, marker = line.partition(";")
            if line in listed("requirements.txt"):
                continue  # it stands alone, without OpenVINO
            only = marker.strip()
            if " and " in only:
                only = f"({only})"
            only = f"{only} and " if only else ""
            yield f"{base.strip()}; {only}extra == '{name}'"

    wanted = listed("requirements.txt")
    for extra in ("onnxruntime", "record", "live", "filterpy", "cameras", "remote"):
        wanted += extra_of(extra, listed(f"requirements-{extra}.txt"))
    wanted += extra_of("gpu", ["steadypose[onnxruntime]", *listed("requirements-gpu.txt")])
    # Without what tests and linters need beside it.
    export = [line for line in listed("requirements-dev.txt") if line.startswith("onnx>")]
    export += ["steadypose[onnxruntime]", *listed("requirements-export.txt")]
    wanted += extra_of("export", export)
    assert sorted(asked) == sorted(str(Requirement(line)) for line in wanted)


@pytest.mark.slow
def test_an_installation_runs_from_anywhere(wheel: zipfile.ZipFile, tmp_path: Path) -> None:
    site, elsewhere = tmp_path / "site", tmp_path / "elsewhere"
    wheel.extractall(site)
    elsewhere.mkdir()
    for option, begin in (("--version", "steadypose "), ("--help", "usage: steadypose run [")):
        code = f"from steadypose.realtime.cli import main; sys.exit(main([{option!r}]))"
        done = subprocess.run(
            [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(site)!r}); {code}"],
            check=False,
            cwd=elsewhere,
            capture_output=True,
            text=True,
        )
        assert done.stdout.startswith(begin), done.stderr


def test_the_docs_name_every_requirements_file_and_every_extra() -> None:
    installing, library = (
        (ROOT / "docs" / name).read_text(encoding="utf-8") for name in ("install.md", "library.md")
    )
    files = sorted(path.name for path in ROOT.glob("requirements*.txt"))
    assert [name for name in files if f"`{name}`" not in installing] == []
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    extras = re.findall(
        r"^(\w+) = \[",
        project.split("[project.optional-dependencies]")[1].split("\n[")[0],
        flags=re.MULTILINE,
    )
    assert len(extras) > 5
    assert [name for name in extras if f"[{name}]" not in library] == []
