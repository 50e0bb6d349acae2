"""What ``build_trt.py`` builds without ``--onnx``: the question, its answers, ``--fetch``."""

from __future__ import annotations

import importlib.util
import io
import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from steadypose.engines.errors import EngineUnavailableError, ModelFileError
from steadypose.export import build_trt
from steadypose.export.trt.network import choose_network
from steadypose.realtime.model import zoo
from steadypose.realtime.model.places import POSE_RESNET, PUBLISHED

NAME = "res50-coco-256x192"
SHIPS = (
    "building pose_resnet18_224x192, which ships; --fetch would take the more accurate "
    "res50-coco-256x192 (COCO AP 0.718, a download of about 136 MB)\n"
)
QUESTION = (
    "res50-coco-256x192 is more accurate than pose_resnet18_224x192, which ships: COCO AP 0.718, "
    "a download of about 136 MB, licence Apache-2.0. Fetch and export it now? [y/N] "
)


class Terminal(io.StringIO):
    """A stream with somebody at it."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the published model file will lie; the exporter's packages seem installed."""
    monkeypatch.setattr(zoo, "DEFAULT_MODEL", tmp_path / "default.onnx")
    monkeypatch.setenv("STEADYPOSE_CACHE", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    found = importlib.util.find_spec("sys")
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: found)
    return tmp_path / f"{NAME}.onnx"


Answer = Callable[[str], Terminal]


@pytest.fixture
def answer(monkeypatch: pytest.MonkeyPatch) -> Answer:
    """Somebody sits at the terminal and types this; returns what they see."""

    def typed(text: str) -> Terminal:
        seen = Terminal()
        monkeypatch.setattr(sys, "stdin", Terminal(text))
        monkeypatch.setattr(sys, "stderr", seen)
        return seen

    return typed


def fetches(monkeypatch: pytest.MonkeyPatch, *, code: int = 0) -> list[list[str]]:
    """Fetching ends with this exit code; returns the commands it ran."""
    ran: list[list[str]] = []

    def run(command: list[str]) -> int:
        ran.append(command)
        return code

    monkeypatch.setattr("steadypose.realtime.model.choice._run", run)
    return ran


def test_the_row_and_the_zoo_mean_the_same_file() -> None:
    assert zoo.model_file(zoo.find(PUBLISHED.stem)) == PUBLISHED
    assert zoo.find(PUBLISHED.stem).accuracy == "AP 0.718"


@pytest.mark.parametrize("is_fetching", [False, True])
def test_what_is_here_is_taken_without_a_question(
    published: Path, answer: Answer, *, is_fetching: bool
) -> None:
    published.touch()
    seen = answer("")
    assert choose_network(is_fetching=is_fetching) == published
    assert seen.getvalue() == ""


@pytest.mark.parametrize("text", ["y\n", "Yes\n"])
def test_a_yes_fetches(
    published: Path, answer: Answer, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    ran = fetches(monkeypatch)
    seen = answer(text)
    assert choose_network(is_fetching=False) == published
    assert seen.getvalue() == QUESTION
    assert [command[0] for command in ran] == ["download-weights", "export-onnx"]


@pytest.mark.parametrize("text", ["\n", "n\n", "no\n", "what?\n", ""])
def test_anything_else_builds_what_ships(
    published: Path, answer: Answer, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    ran = fetches(monkeypatch)
    seen = answer(text)
    assert choose_network(is_fetching=False) == POSE_RESNET
    assert seen.getvalue() == QUESTION + ("" if text else "\n") + SHIPS
    assert not ran


@pytest.mark.parametrize("gone", ["stdin", "stderr", "none"])
def test_without_a_terminal_nothing_is_asked(
    published: Path, answer: Answer, monkeypatch: pytest.MonkeyPatch, gone: str
) -> None:
    ran = fetches(monkeypatch)
    seen: io.StringIO = answer("y\n")
    if gone == "stdin":
        monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))
    elif gone == "none":
        monkeypatch.setattr(sys, "stdin", None)
    else:
        seen = io.StringIO()
        monkeypatch.setattr(sys, "stderr", seen)
    assert choose_network(is_fetching=False) == POSE_RESNET
    assert seen.getvalue() == SHIPS
    assert not ran


def test_a_yes_without_a_network_goes_on_with_what_ships(
    published: Path, answer: Answer, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetches(monkeypatch, code=2)
    seen = answer("y\n")
    assert choose_network(is_fetching=False) == POSE_RESNET
    assert seen.getvalue() == QUESTION + (
        "res50-coco-256x192 could not be made: python export/download_weights.py failed, see above "
        "(fix the error above and run the same command again; the download resumes); going on with "
        "pose_resnet18_224x192, which ships\n"
    )


@pytest.mark.parametrize("is_active", [True, False])
def test_a_yes_without_torch_goes_on_with_what_ships(
    published: Path, answer: Answer, monkeypatch: pytest.MonkeyPatch, *, is_active: bool
) -> None:
    monkeypatch.setattr(sys, "executable", "/opt/pose/bin/python")
    monkeypatch.setattr(shutil, "which", lambda _: "/opt/pose/bin/python" if is_active else None)
    pip = "pip" if is_active else "/opt/pose/bin/python -m pip"
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name != "torch" or None)
    seen = answer("y\n")
    assert choose_network(is_fetching=False) == POSE_RESNET
    assert seen.getvalue() == QUESTION + (
        "--fetch needs torch to export res50-coco-256x192 "
        f"({pip} install -r requirements-export.txt); going on with "
        "pose_resnet18_224x192, which ships\n"
    )


def test_who_stops_the_download_gets_no_build(
    published: Path, answer: Answer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(_: list[str]) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr("steadypose.realtime.model.choice._run", run)
    answer("y\n")
    with pytest.raises(KeyboardInterrupt):
        choose_network(is_fetching=False)


def test_fetch_asks_nothing_and_its_failure_is_an_error(
    published: Path, answer: Answer, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = answer("n\n")
    fetches(monkeypatch, code=2)
    with pytest.raises(ModelFileError, match="could not be made"):
        choose_network(is_fetching=True)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name != "torch" or None)
    with pytest.raises(EngineUnavailableError, match="--fetch needs torch"):
        choose_network(is_fetching=True)
    assert seen.getvalue() == ""


def test_fetch_beside_a_model_file_is_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert build_trt.main(["--fetch", "--onnx", str(POSE_RESNET)]) == 2
    assert f"--fetch makes {NAME}.onnx, and --onnx names another" in capsys.readouterr().err


def test_nothing_is_asked_where_nothing_can_be_built(
    answer: Answer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(build_trt, "find_device", lambda *_: "no CUDA driver is installed")
    seen = answer("y\n")
    assert build_trt.main(["--flavor", "tensorrt"]) == 2
    assert seen.getvalue().startswith("error: TensorRT builds only on the GPU it builds for")


def test_the_question_says_the_licence_of_the_zoo(
    published: Path, answer: Answer, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = replace(zoo.MODELS[NAME], licence="Made-Up-1.0")
    monkeypatch.setitem(zoo.MODELS, NAME, entry)
    seen = answer("\n")
    choose_network(is_fetching=False)
    assert "licence Made-Up-1.0. Fetch" in seen.getvalue()
