"""The table of published weights, and where files lie."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from steadypose.engines.errors import UsageError
from steadypose.engines.skeletons.people import COCO17, MPII16
from steadypose.realtime.model import zoo
from steadypose.realtime.model.places import ROOT
from steadypose.realtime.model.zoo import MODELS, ZooModel


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("STEADYPOSE_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("model", MODELS.values(), ids=lambda m: str(m.name))
def test_what_a_name_says_is_what_its_file_says(model: ZooModel) -> None:
    words = set(re.split(r"[-_/]", model.path.lower().removesuffix(".pth")))
    said = set(model.name.split("-")) - {"v1"}
    assert said <= words
    # And nothing special of the file is kept back.
    assert words & {"dark", "fp16", "vis", "aic", "coco", "mpii"} <= said | {"coco"}
    assert (model.hash_prefix, len(model.hash_prefix)) == (model.path.split("-")[-1][:8], 8)
    assert model.url == "https://download.openmmlab.com/mmpose/" + model.path
    is_new = model.path.startswith("v1/body_2d_keypoint/topdown_heatmap/coco/td-hm")
    assert model.name.endswith("-v1") <= is_new
    assert is_new or model.path.startswith("top_down/")


@pytest.mark.parametrize("model", MODELS.values(), ids=lambda m: str(m.name))
def test_every_entry_is_complete(model: ZooModel) -> None:
    height, width = model.input_hw
    assert f"{height}x{width}" in model.path
    assert height >= width
    assert height % 16 == width % 16 == 0
    assert model.skeleton in {COCO17.name, MPII16.name}
    assert model.skeleton.startswith("coco" if "coco" in model.name else "mpii")
    assert re.fullmatch(r"AP 0\.[5-7]\d\d|PCKh 0\.(8[2-9]|90)\d", model.accuracy)
    assert model.accuracy.startswith("AP") == (model.skeleton == "coco17")


def test_a_re_release_names_the_same_network_as_the_first() -> None:
    again = [model for name, model in MODELS.items() if name.endswith("-v1")]
    assert len(again) == 16
    for new in again:
        old = MODELS[new.name.removesuffix("-v1").removesuffix("-fp16")]
        assert (new.network, new.input_hw, new.refine, new.sigma) == (
            old.network,
            old.input_hw,
            old.refine,
            old.sigma,
        )


def test_all_files_of_the_survey_are_there_once() -> None:
    assert len(MODELS) == 59
    assert len({m.path for m in MODELS.values()}) == 59
    assert len({m.hash_prefix for m in MODELS.values()}) == 59
    assert sum(m.skeleton == "mpii16" for m in MODELS.values()) == 14


def test_the_wrong_entry_of_the_published_table_is_not_repeated() -> None:
    """Main lists the 256x192 file for res101 384x288; the one that is right is older."""
    assert "res101-coco-384x288-v1" not in MODELS
    model = MODELS["res101-coco-384x288"]
    assert model.path == "top_down/resnet/res101_coco_384x288-8c71bdc9_20200709.pth"
    owners = [m.name for m in MODELS.values() if m.hash_prefix == "065d3625"]
    assert owners == ["res101-coco-256x192-v1"]


@pytest.mark.parametrize(
    ("name", "network", "refine", "sigma"),
    [
        ("res50-coco-256x192", "pose_resnet50", "quarter", 2.0),
        ("res50-coco-256x192-fp16-v1", "pose_resnet50", "quarter", 2.0),
        ("res101-coco-384x288-dark", "pose_resnet101", "dark", 3.0),
        ("res152-mpii-256x256", "pose_resnet152", "quarter", 2.0),
        ("hrnet-w32-coco-384x288-v1", "hrnet_w32", "quarter", 3.0),
        ("hrnet-w48-mpii-256x256-dark", "hrnet_w48", "dark", 2.0),
        ("hourglass52-coco-384x384", "hourglass52", "quarter", 3.0),
        ("hourglass52-mpii-384x384", "hourglass52", "quarter", 2.0),  # not 3: see its config
        ("res50-coco-aic-256x192-vis", "", "quarter", 2.0),
        ("mobilenetv2-mpii-256x256", "", "quarter", 2.0),
        ("litehrnet18-coco-256x192", "", "quarter", 2.0),
        ("vitpose-small-coco-256x192", "", "dark", 2.0),
    ],
)
def test_network_decoding_and_targets(name: str, network: str, refine: str, sigma: float) -> None:
    model = zoo.find(name)
    assert (model.network, model.refine, model.sigma) == (network, refine, sigma)


def test_a_misspelt_name_brings_the_nearest_ones() -> None:
    assert zoo.find("RES50_coco_256x192").name == "res50-coco-256x192"
    with pytest.raises(UsageError) as caught:
        zoo.find("hrnet-w32-coco-256x129")
    assert "hrnet-w32-coco-256x192" in caught.value.what
    assert "--list-models" in caught.value.fix
    with pytest.raises(UsageError) as caught:
        zoo.find("res50")
    assert caught.value.what.split("; nearest: ")[1].split(", ") == [
        "res50-coco-256x192", "res50-coco-384x288", "res50-coco-256x192-dark",
        "res50-coco-384x288-dark",
    ]  # fmt: skip
    with pytest.raises(UsageError, match=r"no published model is called 'zzz'\n"):
        zoo.find("zzz")


def test_a_file_without_a_hash_in_its_name_is_refused() -> None:
    model = ZooModel("x", "", (64, 32), "coco17", "a/b-6e6babf0.pth", "AP 0.1", "dark", 2.0)
    with pytest.raises(UsageError, match="does not end in -HASH_DATE"):
        _ = model.hash_prefix


def test_the_cache_is_where_the_user_says_else_where_the_system_says(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    monkeypatch.setattr(sys, "platform", "linux")
    assert zoo.cache_folder() == tmp_path / ".cache" / "steadypose"
    monkeypatch.setattr(sys, "platform", "darwin")
    assert zoo.cache_folder() == tmp_path / "Library" / "Caches" / "steadypose"
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.delenv("LOCALAPPDATA", raising=False)
    assert zoo.cache_folder() == tmp_path / "AppData" / "Local" / "steadypose" / "Cache"
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "local"))
    assert zoo.cache_folder() == tmp_path / "local" / "steadypose" / "Cache"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert zoo.cache_folder() == tmp_path / "local" / "steadypose" / "Cache"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert zoo.cache_folder() == tmp_path / "xdg" / "steadypose"
    monkeypatch.setenv("STEADYPOSE_CACHE", str(tmp_path / "mine"))
    assert zoo.cache_folder() == tmp_path / "mine"
    model = zoo.find("res50-coco-256x192")
    assert zoo.weights_file(model) == tmp_path / "mine" / "res50_coco_256x192-ec54d7f3_20200709.pth"


def test_nowhere_to_put_a_cache_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_home() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", no_home)
    with pytest.raises(UsageError, match="set STEADYPOSE_CACHE"):
        zoo.cache_folder()


def test_model_files_lie_beside_the_one_that_ships() -> None:
    model = zoo.find("hrnet-w48-coco-384x288")
    assert zoo.model_file(model) == ROOT / "models" / "hrnet-w48-coco-384x288.onnx"


def test_a_relative_cache_is_the_same_folder_for_every_process(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STEADYPOSE_CACHE", "mine")
    assert zoo.cache_folder() == tmp_path / "mine"
    monkeypatch.delenv("STEADYPOSE_CACHE")
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setenv("LOCALAPPDATA", "local")
    assert zoo.cache_folder() == tmp_path / "local" / "steadypose" / "Cache"


def test_what_cannot_be_looked_for_does_not_lie_here(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    assert zoo.lies_here(tmp_path / "file")
    assert zoo.lies_here(tmp_path)
    for name in ("other", "file/below", "x" * 300, "a\0b"):
        assert not zoo.lies_here(tmp_path / name)

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "exists", refuse)  # root may read every folder
    assert not zoo.lies_here(tmp_path / "file")


@pytest.mark.parametrize(
    ("name", "sigma"),
    [
        ("res50-coco-256x192", 2.0),
        ("res152-coco-384x288", 3.0),
        ("hourglass52-mpii-384x384", 2.0),
    ],
)
def test_only_large_crops_of_coco_were_learnt_with_wide_targets(name: str, sigma: float) -> None:
    assert zoo._model(name, "0.7", "a/b.pth", "00").sigma == sigma
