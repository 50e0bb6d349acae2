"""``--model``: a path, a published name, what to do where its file is missing, ``--fetch``."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from steadypose.engines.errors import EngineUnavailableError, ModelFileError, UsageError
from steadypose.realtime.cli import main
from steadypose.realtime.model import zoo
from steadypose.realtime.model.choice import choose_model
from steadypose.realtime.model.places import QUALITIES, ROOT
from steadypose.realtime.model.zoo_listing import cost_of, listing

NAME = "res50-coco-256x192"


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache and an empty folder of model files."""
    monkeypatch.setenv("STEADYPOSE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(zoo, "DEFAULT_MODEL", tmp_path / "models" / "default.onnx")
    (tmp_path / "cache").mkdir()
    (tmp_path / "models").mkdir()
    return tmp_path


def installed(monkeypatch: pytest.MonkeyPatch, *, without: str = "") -> None:
    real = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util,
        "find_spec",
        lambda name: None if name == without else real("sys") if name != "x" else None,
    )


@pytest.mark.parametrize("text", ["some.onnx", "folder/some", "x.engine", "./res50-coco-256x192"])
def test_a_path_stays_a_path(places: Path, text: str) -> None:
    assert choose_model(text, is_fetching=False) == Path(text)


def test_a_file_that_exists_is_taken_whatever_it_is_called(
    places: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(places)
    (places / NAME).touch()
    assert choose_model(NAME, is_fetching=False) == Path(NAME)


def test_a_published_model_that_is_here_is_found(places: Path) -> None:
    made = places / "models" / f"{NAME}.onnx"
    made.touch()
    assert choose_model(NAME, is_fetching=False) == made
    assert choose_model("RES50_COCO_256x192", is_fetching=False) == made


def test_a_missing_one_names_the_two_commands(places: Path) -> None:
    with pytest.raises(ModelFileError) as caught:
        choose_model(NAME, is_fetching=False)
    assert f"{NAME} is not here yet" in caught.value.what
    assert caught.value.fix == (
        f"python export/download_weights.py {NAME}, then "
        f"python export/export_onnx.py --model {NAME}; or add --fetch to this command"
    )


@pytest.mark.parametrize("text", ["some.onnx", "./folder/x"])
def test_a_path_is_nothing_to_fetch(places: Path, text: str) -> None:
    with pytest.raises(UsageError, match="is a path"):
        choose_model(text, is_fetching=True)


def test_fetch_without_a_model_is_a_sentence(capsys: Any) -> None:
    assert main(["--fetch", "--headless"]) == 2
    assert "--fetch needs --model" in capsys.readouterr().err


def test_a_name_too_long_for_a_file_is_no_traceback(places: Path) -> None:
    with pytest.raises(UsageError, match="no published model"):
        choose_model("x" * 5000, is_fetching=False)


def test_fetch_runs_both_commands(places: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installed(monkeypatch)
    ran: list[list[str]] = []

    def run(command: list[str]) -> int:
        ran.append(command)
        return 0

    found = choose_model(NAME, is_fetching=True, run=run)
    assert found == places / "models" / f"{NAME}.onnx"
    assert ran == [
        ["download-weights", NAME, "--no-hint"],
        ["export-onnx", "--model", NAME],
    ]


def test_fetch_stops_at_the_command_that_fails(
    places: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed(monkeypatch)
    ran: list[list[str]] = []

    def run(command: list[str]) -> int:
        ran.append(command)
        return 2

    with pytest.raises(ModelFileError, match=r"download_weights\.py failed"):
        choose_model(NAME, is_fetching=True, run=run)
    assert len(ran) == 1


def test_an_interrupted_fetch_says_how_to_go_on(
    places: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed(monkeypatch)

    def run(_: list[str]) -> int:
        raise KeyboardInterrupt

    with pytest.raises(ModelFileError, match="interrupted"):
        choose_model(NAME, is_fetching=True, run=run)


def test_fetch_without_torch_says_what_to_install(
    places: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed(monkeypatch, without="torch")
    with pytest.raises(EngineUnavailableError) as caught:
        choose_model(NAME, is_fetching=True, run=lambda _: pytest.fail("nothing may run"))
    assert "--fetch needs torch" in caught.value.what
    assert "requirements-export.txt" in caught.value.fix


def test_a_network_of_others_is_to_be_wrapped(places: Path) -> None:
    with pytest.raises(ModelFileError) as caught:
        choose_model("vitpose-base-coco-256x192", is_fetching=True)
    assert "wrap_onnx.py" in caught.value.fix


def test_an_unknown_name_names_the_nearest(places: Path, capsys: Any) -> None:
    with pytest.raises(UsageError, match="nearest: res50-coco-256x192"):
        choose_model("res5-coco-256x192", is_fetching=True)
    assert main(["--model", "nobody", "--headless"]) == 2
    assert "no published model is called 'nobody'" in capsys.readouterr().err


def test_the_list_shows_every_model_and_what_is_here(places: Path, capsys: Any) -> None:
    zoo.weights_file(zoo.find(NAME)).touch()
    zoo.model_file(zoo.find("hrnet-w32-coco-256x192")).touch()
    assert main(["--list-models"]) == 0
    said = capsys.readouterr().out
    rows = {line.split()[0]: line for line in said.splitlines() if line.strip()}
    assert set(zoo.MODELS) <= set(rows)
    assert rows[NAME].split()[1:] == ["256x192", "34.0", "M", "5.4", "AP", "0.718", "weights"]
    assert rows["hrnet-w32-coco-256x192"].endswith("model file")
    assert rows["res101-coco-256x192"].endswith("-")
    assert "flip test" in said
    assert "Apache-2.0" in said
    assert "pip install -r requirements-export.txt" in said


def test_every_network_that_is_defined_has_its_costs() -> None:
    for model in zoo.MODELS.values():
        assert (cost_of(model) is not None) == bool(model.network), model.name
    assert any("vitpose" in line for line in listing())


def test_a_published_model_file_that_is_not_here_names_fetch(places: Path) -> None:
    with pytest.raises(ModelFileError) as caught:
        choose_model(f"models/{NAME}.onnx", is_fetching=False)
    assert f"--model {NAME} --fetch" in caught.value.fix


def without_packages(code: str) -> subprocess.CompletedProcess[str]:
    """Run Python where what export needs is not installed."""
    hide = (
        "import sys, runpy\n"
        "from importlib.machinery import PathFinder\n"
        "real = PathFinder.find_spec\n"
        "hidden = {'torch', 'onnx', 'onnxscript', 'onnxruntime'}\n"
        "PathFinder.find_spec = classmethod(lambda cls, name, path=None, target=None:\n"
        "    None if name.partition('.')[0] in hidden else real(name, path, target))\n"
    )
    return subprocess.run(
        [sys.executable, "-c", hide + code], cwd=ROOT, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("export_onnx", "--help"),
        ("wrap_onnx", "--help"),
        ("quantize", "--help"),
        ("build_trt", "--verbose"),
    ],
)
def test_a_command_whose_packages_are_missing_is_a_sentence(script: str, words: str) -> None:
    done = without_packages(
        f"sys.argv = ['export/{script}.py', '{words}']\n"
        f"runpy.run_path('export/{script}.py', run_name='__main__')\n"
    )
    assert done.returncode == 2, done.stderr
    assert f"error: {script}.py needs " in done.stderr
    assert "fix: make setup-export" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("module", ["steadypose.export.quantize", "training.mix"])
def test_who_imports_a_command_whose_packages_are_missing_is_told_by_python(module: str) -> None:
    done = without_packages(
        f"sys.argv = ['quantize.py']\ntry:\n    import {module}\n"
        "except ImportError as error:\n    print('not here:', error.name)\n"
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("not here: ")


def test_files_that_ship_go_by_their_names_and_qualities_are_pointed_at() -> None:
    assert choose_model("movenet_thunder_256x192", is_fetching=False) == QUALITIES["best"]
    with pytest.raises(UsageError, match="'best' is no model") as caught:
        choose_model("best", is_fetching=False)
    assert "--quality best" in caught.value.fix


@pytest.mark.parametrize("text", ["Movenet_Thunder_256x192", "movenet-thunder-256x192"])
def test_the_name_of_a_shipped_file_may_be_typed_otherwise(text: str) -> None:
    assert choose_model(text, is_fetching=False) == QUALITIES["best"]


LIGHTNINGS = [path.stem for path in (QUALITIES["fast"], QUALITIES["balanced"])]


@pytest.mark.parametrize(
    ("text", "near"),
    [
        ("movenet_thunder", ["movenet_thunder_256x192"]),
        ("MoveNet-Lightning", LIGHTNINGS),
        ("thunder", ["movenet_thunder_256x192"]),
        ("movenet_thunder_256x129", ["movenet_thunder_256x192"]),
        ("pose_resnet18_192x160", ["pose_resnet18_224x192"]),  # as it was called once
    ],
)
@pytest.mark.parametrize("is_fetching", [False, True])
def test_a_part_of_a_shipped_files_name_gets_the_whole_name(
    text: str, near: list[str], *, is_fetching: bool
) -> None:
    with pytest.raises(UsageError) as caught:
        choose_model(text, is_fetching=is_fetching)
    assert caught.value.what == f"{text!r} is no model; nearest: {', '.join(near)}"
    whole = "give the whole name; --quality chooses among those that ship, too"
    one = f"--model {near[0]} is what you mean"
    assert caught.value.fix == (one if len(near) == 1 else whole)


@pytest.mark.parametrize("text", ["net", "256x192", "net_", "_192", "res50"])
def test_a_few_letters_guess_no_shipped_file(text: str) -> None:
    with pytest.raises(UsageError, match=f"no published model is called '{text}'"):
        choose_model(text, is_fetching=False)


def test_the_name_of_a_published_model_is_no_part_of_a_shipped_one() -> None:
    with pytest.raises(ModelFileError, match="is not here yet"):
        choose_model("res50-coco-256x192", is_fetching=False)


def test_a_quality_is_told_apart_however_it_is_written() -> None:
    with pytest.raises(UsageError, match="'BEST' is no model") as caught:
        choose_model("BEST", is_fetching=False)
    assert caught.value.fix == "--quality best is what you mean"
