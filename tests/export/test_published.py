"""Published weights by name: the recipe they need, and files that carry more than tensors."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from engines.errors import ModelFileError
from engines.model_file import read_spec
from realtime import zoo
from realtime.zoo_listing import COSTS
from tests.export.layouts import pose_resnet

pytestmark = pytest.mark.export
torch: Any = pytest.importorskip("torch")

from tests.export.random_weights import openmmlab_0, random_state  # noqa: E402

DEFINED = [model for model in zoo.MODELS.values() if model.network]


@pytest.mark.parametrize("key", COSTS, ids=lambda key: f"{key[0]}-{key[1]}-{key[2][0]}")
def test_the_listed_costs_are_those_of_the_network(key: Any) -> None:
    from torch.utils.flop_counter import FlopCounterMode

    from export.models.registry import make_network

    network, keypoints, hw = key
    options = {"deconv_filters": (256, 256, 256)} if network.startswith("pose_resnet") else {}
    with torch.device("meta"):
        made = make_network(network, keypoints=keypoints, options=options).eval()
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        made.to("meta")(torch.zeros(1, 3, *hw, device="meta"))
    parameters = sum(p.numel() for p in made.parameters())
    assert COSTS[key] == (parameters, round(counter.get_total_flops() / 2e9, 2))


@pytest.mark.parametrize("model", DEFINED, ids=lambda model: model.name)
def test_every_entry_has_a_recipe_that_fits_its_network(model: zoo.ZooModel) -> None:
    from export.published import published_origin

    origin = published_origin(model)
    assert origin.recipe.network == model.network
    assert origin.recipe.input_hw == model.input_hw
    assert origin.recipe.colour == "rgb"
    assert origin.recipe.cells == "corner"
    assert ("dark" in model.name) == (origin.recipe.refine == "dark")
    assert model.url in origin.source
    assert origin.licence.startswith("Apache-2.0")


@pytest.mark.slow
def test_one_option_exports_published_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    """With random numbers in the published layout where the download would be."""
    from export.export_onnx import main as export

    monkeypatch.setenv("STEADYPOSE_CACHE", str(tmp_path))
    model = zoo.find("res50-mpii-256x256")
    torch.save(openmmlab_0(random_state(pose_resnet.layout(50, 16))), zoo.weights_file(model))
    output = tmp_path / "x.onnx"
    assert export(["--model", model.name, "--output", str(output), "--check-crops", "1"]) == 0
    spec = read_spec(output)
    assert (spec.name, spec.input_hw) == (model.name, (256, 256))
    assert spec.skeleton.name == "mpii16"
    assert spec.decoder == "quarter, corner cells"
    assert model.url in spec.weights["source"]
    assert "agrees with torch" in capsys.readouterr().out


def test_weights_that_are_not_here_name_the_download(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    from export.export_onnx import main as export

    monkeypatch.setenv("STEADYPOSE_CACHE", str(tmp_path))
    assert export(["--model", "res50-coco-256x192"]) == 2
    assert "export/download_weights.py res50-coco-256x192" in capsys.readouterr().err
    assert export(["--model", "litehrnet18-coco-256x192"]) == 2
    assert export([]) == 2
    assert "give --weights FILE or --model NAME" in capsys.readouterr().err


def test_a_training_log_inside_the_file_is_left_out_and_never_run(tmp_path: Path) -> None:
    """OpenMMLab 1.x pickles objects of its own beside the weights; a harmful one does nothing."""
    from export.weights import load_weights

    made = subprocess.run(
        [sys.executable, "-c", _HARMFUL, str(tmp_path)], check=False, capture_output=True, text=True
    )
    assert made.returncode == 0, made.stderr
    found = load_weights(tmp_path / "log.pth")
    assert list(found) == ["backbone.conv1.weight"]
    assert found["backbone.conv1.weight"].tolist() == [1.0, 2.0]
    with pytest.raises(ModelFileError, match="holds no state dict"):
        load_weights(tmp_path / "no_tensors.pth")
    with pytest.raises(ModelFileError, match="is not a plain file of weights"):
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
