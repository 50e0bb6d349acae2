"""Published weights by name: the recipe they need, and files that carry more than tensors."""

from __future__ import annotations

import dataclasses
import hashlib
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from steadypose.engines.errors import ModelFileError
from steadypose.engines.model_file import read_spec
from steadypose.realtime.model import choice as model_choice
from steadypose.realtime.model import zoo
from steadypose.realtime.model.zoo_listing import costs
from tests.export.layouts import pose_resnet
from tests.support.file_server import FileServer

pytestmark = pytest.mark.export
torch: Any = pytest.importorskip("torch")

from tests.export.random_weights import openmmlab_0, random_state  # noqa: E402

DEFINED = [model for model in zoo.MODELS.values() if model.network]


@pytest.mark.parametrize("key", costs(), ids=lambda key: f"{key[0]}-{key[1]}-{key[2][0]}")
def test_the_listed_costs_are_those_of_the_network(key: Any) -> None:
    from torch.utils.flop_counter import FlopCounterMode

    from steadypose.export.models.registry import make_network

    network, keypoints, hw = key
    options = {"deconv_filters": (256, 256, 256)} if network.startswith("pose_resnet") else {}
    with torch.device("meta"):
        made = make_network(network, keypoints=keypoints, options=options).eval()
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        made.to("meta")(torch.zeros(1, 3, *hw, device="meta"))
    parameters = sum(p.numel() for p in made.parameters())
    assert costs()[key] == (parameters, round(counter.get_total_flops() / 2e9, 2))


@pytest.mark.parametrize("model", DEFINED, ids=lambda model: model.name)
def test_every_entry_has_a_recipe_that_fits_its_network(model: zoo.ZooModel) -> None:
    from steadypose.export.weights.published import published_origin

    origin = published_origin(model)
    assert origin.recipe.network == model.network
    assert origin.recipe.input_hw == model.input_hw
    assert origin.recipe.colour == "rgb"
    assert origin.recipe.cells == "corner"
    assert ("dark" in model.name) == (origin.recipe.refine == "dark")
    assert model.url in origin.source
    assert origin.licence.startswith("Apache-2.0")


@pytest.mark.slow
def test_one_option_downloads_exports_and_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    """``run.py --model NAME --fetch``; random numbers in the published layout on a server here."""
    from steadypose.export.download_weights import main as download
    from steadypose.export.export_onnx import main as export
    from steadypose.realtime.cli import main as run

    torch.save(openmmlab_0(random_state(pose_resnet.layout(50, 16))), tmp_path / "made.pth")
    data = (tmp_path / "made.pth").read_bytes()
    name = f"res50_mpii_256x256-{hashlib.sha256(data).hexdigest()[:8]}_20200812.pth"
    model = dataclasses.replace(zoo.find("res50-mpii-256x256"), path=f"top_down/{name}")
    monkeypatch.setitem(zoo.MODELS, model.name, model)
    monkeypatch.setenv("STEADYPOSE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(zoo, "DEFAULT_MODEL", tmp_path / "models" / "default.onnx")
    commands = {"download-weights": download, "export-onnx": export}

    def in_this_process(command: list[str]) -> int:
        more = ["--output", str(zoo.model_file(model)), "--check-crops", "1"]
        return commands[command[0]]([*command[1:], *(more if command[0] == "export-onnx" else [])])

    monkeypatch.setattr(model_choice, "_run", in_this_process)
    server = FileServer()
    server.files[f"/top_down/{name}"] = data
    with server.running():
        monkeypatch.setenv("STEADYPOSE_MIRRORS", server.url)
        table = tmp_path / "out.csv"
        given = ["--source", "demo", "--headless", "--max-frames", "3", "--csv", str(table)]
        assert run(["--model", model.name, "--fetch", *given]) == 0
        assert run(["--model", model.name, *given]) == 0
    assert len(server.asked) == 1
    said = capsys.readouterr()
    assert "agrees with torch" in said.out
    assert "next:" not in said.out
    assert "right_ankle_x" in table.read_text().splitlines()[0]
    spec = read_spec(zoo.model_file(model))
    assert (spec.name, spec.input_hw) == (model.name, (256, 256))
    assert spec.skeleton.name == "mpii16"
    assert spec.decoder == "quarter, corner cells"
    assert model.url in spec.weights["source"]


def test_weights_that_are_not_here_name_the_download(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    from steadypose.export.export_onnx import main as export

    monkeypatch.setenv("STEADYPOSE_CACHE", str(tmp_path))
    assert export(["--model", "res50-coco-256x192"]) == 2
    assert "export/download_weights.py res50-coco-256x192" in capsys.readouterr().err
    assert export(["--model", "litehrnet18-coco-256x192"]) == 2
    assert export([]) == 2
    assert "give --weights FILE or --model NAME" in capsys.readouterr().err


def test_a_training_log_inside_the_file_is_left_out_and_never_run(tmp_path: Path) -> None:
    """OpenMMLab 1.x pickles objects of its own beside the weights; a harmful one does nothing."""
    from steadypose.export.weights.state_dict import load_weights

    made = subprocess.run(
        [sys.executable, "-c", _HARMFUL, str(tmp_path)], check=False, capture_output=True, text=True
    )
    assert made.returncode == 0, made.stderr
    found = load_weights(tmp_path / "log.pth")
    assert list(found) == ["backbone.conv1.weight"]
    assert found["backbone.conv1.weight"].tolist() == [1.0, 2.0]
    with pytest.raises(ModelFileError, match="holds no state dict"):
        load_weights(tmp_path / "no_tensors.pth")
    with pytest.raises(ModelFileError, match=r"cannot be read safely \(posix\.mkdir\)"):
        load_weights(tmp_path / "blocked.pth")
    assert not (tmp_path / "harm").exists()


_HARMFUL = """
import os, shutil, sys, types, numpy, torch
folder = sys.argv[1]
mmengine = types.ModuleType("mmengine"); sys.modules["mmengine"] = mmengine
class HistoryBuffer:
    def __init__(self):
        self.values = numpy.arange(3.0)
HistoryBuffer.__module__, HistoryBuffer.__qualname__ = "mmengine", "HistoryBuffer"
mmengine.HistoryBuffer = HistoryBuffer
class Harm:
    def __reduce__(self):
        return shutil.copyfile, (sys.executable, os.path.join(folder, "harm"))
class Worse:
    def __reduce__(self):
        return os.mkdir, (os.path.join(folder, "harm"),)
state = {"backbone.conv1.weight": torch.tensor([1.0, 2.0])}
torch.save({"state_dict": state, "message_hub": {"loss": HistoryBuffer(), "x": Harm()}},
           os.path.join(folder, "log.pth"))
torch.save({"state_dict": state, "x": Worse()}, os.path.join(folder, "blocked.pth"))
torch.save({"state_dict": {"a": Harm()}}, os.path.join(folder, "no_tensors.pth"))
"""


@pytest.mark.parametrize("is_brought", [True, False])
def test_a_file_that_is_not_the_published_one_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any, *, is_brought: bool
) -> None:
    from steadypose.export.export_onnx import main as export

    monkeypatch.setenv("STEADYPOSE_CACHE", str(tmp_path))
    model = zoo.find("res50-coco-256x192")
    path = tmp_path / "mine.pth" if is_brought else zoo.weights_file(model)
    torch.save({"a": torch.zeros(1)}, path)
    given = ["--weights", str(path)] if is_brought else []
    assert export(["--model", model.name, *given]) == 2
    said = capsys.readouterr().err
    assert "is not the published file of res50-coco-256x192, or is damaged" in said
    assert ("give --convention" if is_brought else "download_weights.py") in said


def test_the_statistics_inside_a_file_must_be_the_recipes() -> None:
    from steadypose.export.weights.recipe import Recipe, build_network

    state = random_state(pose_resnet.layout(18, filters=128))
    recipe = Recipe()
    build_network(recipe, {**state, "data_preprocessor.mean": torch.tensor([123.7, 116.3, 103.5])})
    with pytest.raises(ModelFileError, match=r"trained with mean 0\.5000,0\.5000,0\.5000"):
        build_network(recipe, {**state, "data_preprocessor.mean": torch.full((3, 1, 1), 127.5)})


def test_the_oldest_files_have_no_counters_of_batches() -> None:
    from steadypose.export.weights.recipe import Recipe, build_network

    state = random_state(pose_resnet.layout(18, filters=128))
    old = {key: value for key, value in state.items() if not key.endswith("num_batches_tracked")}
    assert len(old) < len(state)
    build_network(Recipe(), old)
    del old["bn1.running_mean"]
    with pytest.raises(ModelFileError, match=r"bn1\.running_mean is missing"):
        build_network(Recipe(), old)


COLOURS = {
    # What a pure blue crop must look like to the first layer: channel by channel.
    "microsoft": [(1 - 0.485) / 0.229, (0 - 0.456) / 0.224, (0 - 0.406) / 0.225],
    "leoxiaobin": [(0 - 0.485) / 0.229, (0 - 0.456) / 0.224, (1 - 0.406) / 0.225],
    "openmmlab": [(0 - 0.485) / 0.229, (0 - 0.456) / 0.224, (1 - 0.406) / 0.225],
    "steadypose": [(0 - 0.485) / 0.229, (0 - 0.456) / 0.224, (1 - 0.406) / 0.225],
    "princeton": [0.0, 0.0, 1.0],
    "movenet": [-1.0, -1.0, 1.0],
}


@pytest.mark.parametrize("name", COLOURS)
def test_each_code_bases_colours_reach_its_network(name: str) -> None:
    import numpy as np

    from steadypose.export.models.movenet import Heads
    from steadypose.export.weights.building import build_model
    from steadypose.export.weights.conventions import CONVENTIONS
    from steadypose.export.weights.recipe import Recipe

    class Means(torch.nn.Module):  # type: ignore[misc]
        def forward(self, x: Any) -> Any:
            self.seen = x.mean((2, 3))
            heatmaps = torch.zeros(len(x), len(recipe.skeleton), 16, 16)
            pairs = heatmaps.repeat(1, 2, 1, 1)
            heads = Heads(heatmaps, heatmaps[:, :1], pairs, pairs)
            return heads if recipe.network.startswith("movenet") else heatmaps

    assert set(COLOURS) == set(CONVENTIONS)
    recipe = Recipe(**{**CONVENTIONS[name], "input_hw": (64, 64)})
    blue = np.zeros((1, 64, 64, 3), np.uint8)
    blue[..., 0] = 255  # crops are BGR
    network = Means()
    with torch.inference_mode():
        build_model(recipe, network)(torch.from_numpy(blue))
    np.testing.assert_allclose(network.seen.numpy()[0], COLOURS[name], atol=1e-4)
    assert recipe.cells == ("half" if name in {"steadypose", "movenet"} else "corner")


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ([], "nothing says how"),
        (["--convention", "leoxiaobin"], "does not say everything"),
        (["--convention", "leoxiaobin", "--input", "64x64"], "does not say everything"),
        (["--convention", "leoxiaobin", "--input", "65x64", "--name", "x"], "cannot take crops"),
        (
            ["--convention", "leoxiaobin", "--input", "64x64", "--name", "x", "--deconv", "1,1,1"],
            "hrnet_w32 has no use for --deconv",
        ),
        (
            ["--convention", "microsoft", "--input", "64x64", "--name", "x", "--sigma", "2"],
            "has no use for --sigma",
        ),
        (
            ["--convention", "steadypose", "--input", "64x64", "--name", "pose_resnet18_224x192"],
            "would replace the model that ships",
        ),
        (["--convention", "steadypose", "--std", "0,1,1"], "std|not say everything"),
        (["--convention", "steadypose", "--mean", "nan,0,0"], "not three numbers"),
        (["--model", "res50-coco-256x192", "--convention", "openmmlab"], "leave --convention out"),
    ],
)
def test_weights_of_unknown_origin_ask_for_it(
    tmp_path: Path, capsys: Any, given: list[str], sentence: str
) -> None:
    import re

    from steadypose.export.export_onnx import main as export

    torch.save({"a": torch.zeros(1)}, tmp_path / "w.pth")
    assert export(["--weights", str(tmp_path / "w.pth"), *given]) == 2
    assert re.search(sentence, capsys.readouterr().err)


def test_damaged_weights_are_not_exported(tmp_path: Path, capsys: Any) -> None:
    from steadypose.export.export_onnx import main as export

    state = random_state(pose_resnet.layout(18, filters=16))
    state["final_layer.bias"][3] = float("nan")
    torch.save(state, tmp_path / "w.pth")
    given = ["--weights", str(tmp_path / "w.pth"), "--convention", "steadypose"]
    given += ["--deconv", "16,16,16", "--input", "64x64", "--check-crops", "1"]
    assert export([*given, "--output", str(tmp_path / "x.onnx")]) == 2
    assert "numbers that are not finite" in capsys.readouterr().err
    assert not (tmp_path / "x.onnx").exists()
