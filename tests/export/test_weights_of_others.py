"""Checkpoints as other projects save them: containers, prefixes, safetensors, other keypoints."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")

from steadypose.engines.errors import EngineUnavailableError, ModelFileError, UsageError
from steadypose.engines.skeletons.people import COCO17
from steadypose.export.weights.recipe import Recipe, build_network
from steadypose.export.weights.state_dict import load_weights, to_our_names, with_fresh_head
from steadypose.realtime.model.skeletons import ChosenSkeleton, skeleton_option

torch: Any = pytest.importorskip("torch")
pytestmark = pytest.mark.export
SMALL: dict[str, Any] = {"network": "pose_resnet18", "deconv": (16, 16, 16), "input_hw": (64, 64)}
RECIPE = Recipe(**SMALL)


def network(keypoints: int = 17) -> Any:
    from steadypose.export.models.registry import make_network

    return make_network("pose_resnet18", keypoints=keypoints, options=RECIPE.options, seed=1)


@pytest.fixture(scope="module")
def state() -> dict[str, Any]:
    return dict(network().state_dict())


def saved(content: Any, path: Path) -> Path:
    torch.save(content, path)
    return path


def loaded(path: Path, **options: Any) -> tuple[dict[str, Any], list[str]]:
    notes: list[str] = []
    read = load_weights(path, notes=notes, **options)
    return dict(build_network(RECIPE, read, notes=notes).state_dict()), notes


def same(found: dict[str, Any], wanted: dict[str, Any]) -> bool:
    return found.keys() == wanted.keys() and all(torch.equal(found[k], wanted[k]) for k in wanted)


@pytest.mark.parametrize("where", ["model", "net", "ema", "checkpoint.model", "a.b.c"])
def test_the_only_state_dict_inside_is_taken_and_said(
    state: dict[str, Any], tmp_path: Path, where: str
) -> None:
    content: Any = dict(state)
    for key in reversed(where.split(".")):
        content = {key: content, "epoch": 3, "best": torch.tensor(0.5)}
    content["optimizer"] = {"state": {0: {"exp_avg": torch.zeros(3, 3)}}, "param_groups": []}
    found, notes = loaded(saved(content, tmp_path / "w.pth"))
    assert same(found, state)
    assert notes == [f"the weights are taken from {where!r} in w.pth"]


def test_of_several_state_dicts_an_option_chooses(state: dict[str, Any], tmp_path: Path) -> None:
    other = {key: value + 1 for key, value in state.items()}
    path = saved({"state_dict": state, "state_dict_ema": other}, tmp_path / "w.pth")
    with pytest.raises(ModelFileError, match=r"several state dicts: state_dict \(\d+ te"):
        load_weights(path)
    assert same(loaded(path, key="state_dict_ema")[0], other)
    with pytest.raises(ModelFileError, match="no state dict 'x'; it holds state_dict"):
        load_weights(path, key="x")


def test_a_file_without_a_state_dict_says_what_it_holds(tmp_path: Path) -> None:
    path = saved({"epoch": 3, "loss": torch.tensor(1.0)}, tmp_path / "w.pth")
    with pytest.raises(ModelFileError, match="holds no state dict, only epoch, loss"):
        load_weights(path)


@pytest.mark.parametrize(
    "prefix", ["_orig_mod.", "module._orig_mod.", "_orig_mod.module.", "model.", "net.student."]
)
@pytest.mark.parametrize("has_more", [True, False])
def test_a_prefix_that_keeps_names_from_fitting_is_taken_off(
    state: dict[str, Any], tmp_path: Path, prefix: str, *, has_more: bool
) -> None:
    named = {prefix + key: value for key, value in state.items()}
    if has_more:  # torch's AveragedModel, a loss with weights
        named |= {"n_averaged": torch.tensor(3), "loss.weight": torch.ones(17)}
    found, notes = loaded(saved(named, tmp_path / "w.pth"))
    assert same(found, state)
    assert any("prefix" in note for note in notes)


def test_two_networks_in_one_file_are_told_apart_by_their_prefix(
    state: dict[str, Any], tmp_path: Path
) -> None:
    ema = {key: value + 1 for key, value in state.items()}
    both = {f"online.{k}": v for k, v in state.items()} | {f"ema.{k}": v for k, v in ema.items()}
    path = saved(both, tmp_path / "w.pth")
    with pytest.raises(ModelFileError, match=r"the network twice, under 'ema\.' and 'online\.'"):
        loaded(path)
    assert same(loaded(path, key="ema")[0], ema)


def test_names_that_fit_are_left_alone_and_strange_ones_are_shown(state: dict[str, Any]) -> None:
    notes: list[str] = []
    assert to_our_names(network(), state, notes=notes).keys() == state.keys()
    assert notes == []
    strange = {f"foo.{key}x": value for key, value in state.items()}
    with pytest.raises(ModelFileError, match=r"every name begins with 'foo\.'"):
        build_network(RECIPE, strange)


def test_safetensors_are_read(state: dict[str, Any], tmp_path: Path) -> None:
    safetensors: Any = pytest.importorskip("safetensors.torch")
    path = tmp_path / "model.safetensors"
    safetensors.save_file({f"model.{k}": v.contiguous() for k, v in state.items()}, path)
    assert same(loaded(path)[0], state)
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(ModelFileError, match="damaged"):
        load_weights(path)


def test_without_the_package_a_safetensors_file_is_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    (tmp_path / "m.safetensors").write_bytes(b"x")
    monkeypatch.setitem(sys.modules, "safetensors", None)
    with pytest.raises(EngineUnavailableError, match="safetensors, which is not installed"):
        load_weights(tmp_path / "m.safetensors")


@pytest.mark.parametrize("count", [16, 21, 133])
def test_weights_for_other_keypoints_say_how_many_and_what_to_do(count: int) -> None:
    with pytest.raises(ModelFileError, match=f"find {count} keypoints, coco17 has 17") as kept:
        build_network(RECIPE, network(count).state_dict())
    assert "--skeleton FILE.toml" in kept.value.fix


TABLE = """
[skeleton]
name = "hand"
keypoints = [{names}]
limbs = [["k0", "k1"]]
flip_pairs = []
sigmas = [{sigmas}]
"""


def test_a_skeleton_of_ones_own_is_a_table_in_a_file(tmp_path: Path) -> None:
    import dataclasses

    names = ", ".join(f'"k{n}"' for n in range(21))
    path = tmp_path / "hand.toml"
    path.write_text(TABLE.format(names=names, sigmas=", ".join(["0.05"] * 21)))
    chosen = skeleton_option(str(path))
    assert chosen.files == [path]
    hand = chosen.skeleton
    assert (len(hand), hand.name, hand.limbs) == (21, "hand", ((0, 1),))
    recipe = dataclasses.replace(RECIPE, skeleton=hand)
    assert build_network(recipe, network(21).state_dict()) is not None
    assert skeleton_option("coco17") == ChosenSkeleton(COCO17)


@pytest.mark.parametrize("text", ["coco99", "none.toml"])
def test_a_skeleton_that_is_not_there_is_a_sentence(text: str) -> None:
    import argparse

    with pytest.raises(argparse.ArgumentTypeError, match=r"not known|cannot read"):
        skeleton_option(text)


def test_an_imagenet_backbone_is_a_start_with_a_fresh_head(state: dict[str, Any]) -> None:
    imagenet = {
        key: value + 1
        for key, value in state.items()
        if not key.startswith(("deconv_layers", "final_layer"))
    }
    imagenet |= {"fc.weight": torch.zeros(1000, 512), "fc.bias": torch.zeros(1000)}
    fresh = network().state_dict()
    notes: list[str] = []
    begun = with_fresh_head(to_our_names(network(), imagenet), fresh, notes=notes)
    assert begun.keys() == fresh.keys()
    assert torch.equal(begun["layer4.1.conv2.weight"], state["layer4.1.conv2.weight"] + 1)
    assert torch.equal(begun["final_layer.weight"], fresh["final_layer.weight"])
    assert "deconv_layers, final_layer begin at random" in notes[0]
    # An older file has no counters of batches.
    old = {k: v for k, v in imagenet.items() if not k.endswith("num_batches_tracked")}
    assert with_fresh_head(old, fresh, notes=[]).keys() == fresh.keys()


def test_weights_of_another_network_are_no_backbone(state: dict[str, Any]) -> None:
    part = {k: v for k, v in state.items() if not k.startswith(("layer3.0.", "final_layer"))}
    fresh, notes = network().state_dict(), list[str]()
    assert with_fresh_head(part, fresh, notes=notes).keys() == part.keys()
    head = {k: v for k, v in state.items() if k.startswith("final_layer")}
    assert with_fresh_head(head, fresh, notes=notes).keys() == head.keys()
    assert notes == []


@pytest.mark.parametrize(
    "given", [{"mean": (123.7, 116.3, 103.5)}, {"std": (58.4, 57.1, 57.4)}, {"mean": (0, 0, 99.0)}]
)
def test_statistics_of_pixels_up_to_255_are_refused(given: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="for pixels of 0 to 255"):
        Recipe(**SMALL, **given)
