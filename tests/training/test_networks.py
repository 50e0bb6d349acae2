"""Networks of several stages: every stage learns, the last one is what the app gets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from steadypose.engines.errors import UsageError

pytestmark = pytest.mark.export
torch: Any = pytest.importorskip("torch")

from training.config import NetworkConfig, StageConfig, load_config  # noqa: E402
from training.examples.batches import Batch  # noqa: E402
from training.runs.trainer import Trainer  # noqa: E402

SIDE = 64


def mannequins(count: int) -> Batch:
    """Crops of the demo's figure, as training cuts them."""
    from training.datasets.mannequin import MannequinDataset
    from training.measures.measure import crop_of

    dataset = MannequinDataset(count=count)
    crops, points, known = [], [], []
    for row in range(count):
        sample = dataset.sample(row)
        crop, place = crop_of(sample.image_bgr, sample.bbox, size_hw=(SIDE, SIDE), padding=1.25)
        crops.append(torch.from_numpy(crop))
        points.append(torch.from_numpy(place.to_crop(sample.xy).astype(np.float32)))
        known.append(torch.from_numpy(sample.is_known))
    return Batch(torch.stack(crops), torch.stack(points), torch.stack(known))


def trainer(network: str, *, steps: int, rate: float, hard: int = 0) -> Trainer:
    from steadypose.export.models.registry import kind_of, make_network
    from training.runs.objectives import heatmap_objective

    stage = StageConfig((SIDE, SIDE), 1, sigma=1.5, rate=rate, warmup=5, hard=hard, average=0.8)
    made = make_network(network, keypoints=17, seed=5)
    objective = heatmap_objective(stage, stride=kind_of(network).stride, teacher_share=0.0)
    device = torch.device("cpu")
    return Trainer(made, stage=stage, steps=steps, device=device, objective=objective)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("network", "stages"), [("cpm3", 3), ("hourglass2", 2), ("cpn50", 5), ("tompson", 1)]
)
def test_every_stage_of_a_network_is_supervised(network: str, stages: int) -> None:
    learning = trainer(network, steps=4, rate=1e-3, hard=8)
    batch = mannequins(2)
    gave = learning.network(torch.zeros(2, 3, SIDE, SIDE))
    assert (len(gave) if isinstance(gave, list) else 1) == stages
    before = {k: v.clone() for k, v in learning.network.named_parameters()}
    assert learning.learn(batch) > 0
    moved = [k for k, v in learning.network.named_parameters() if not torch.equal(v, before[k])]
    assert len(moved) > 0.95 * len(before)  # biases ahead of a batch norm have no gradient


@pytest.mark.slow
def test_a_trained_hourglass_follows_the_demo() -> None:
    """Learn four crops by heart; what follows the demo is the last stage of the average."""
    from steadypose.engines.skeletons.people import COCO17
    from steadypose.engines.spec import ModelSpec
    from steadypose.export.checking.torch_engine import TorchEngine
    from steadypose.export.weights.building import build_model
    from steadypose.export.weights.recipe import Recipe
    from steadypose.realtime.smooth.presets import make_smoother
    from steadypose.realtime.sources.opening import SourceOptions, open_source
    from steadypose.realtime.tracking.pipeline import Pipeline

    learning = trainer("hourglass2", steps=25, rate=1e-3)
    batch = mannequins(4)
    losses = [learning.learn(batch) for _ in range(25)]
    assert np.mean(losses[-5:]) < 0.5 * losses[0], losses
    recipe = Recipe(network="hourglass2", input_hw=(SIDE, SIDE), sigma=1.5)
    spec = ModelSpec("hourglass2", COCO17, recipe.input_hw)
    engine = TorchEngine(build_model(recipe, learning.average), spec)
    source = open_source(SourceOptions("demo"))
    pipeline = Pipeline(engine, persons=1, smoother=make_smoother("balanced", 4, 17), is_paced=True)
    for _ in range(6):
        frame = source.read(1.0)
        assert frame is not None
        pipeline.process(frame)
    source.close()


def test_coordinates_cannot_be_trained_and_say_so() -> None:
    with pytest.raises(UsageError, match="deeppose_resnet50 gives coordinates"):
        NetworkConfig(kind="deeppose_resnet50")


def test_a_config_can_name_any_network(tmp_path: Path) -> None:
    text = '[network]\nkind = "hrnet_w32"\n[[train]]\nkind = "mannequin"\n'
    text = 'name = "x"\n' + text + '[[validate]]\nkind = "mannequin"\n'
    (tmp_path / "c.toml").write_text(text + "[[stage]]\ninput = [64, 64]\nepochs = 1\n")
    assert load_config(tmp_path / "c.toml").network.kind == "hrnet_w32"
    (tmp_path / "d.toml").write_text(
        text.replace("hrnet_w32", "hourglass2") + "[[stage]]\ninput = [96, 96]\nepochs = 1\n"
    )
    with pytest.raises(UsageError, match=r"96x96 is not in multiples of 64"):
        load_config(tmp_path / "d.toml")


def test_weights_for_other_keypoints_keep_all_but_the_last_layer() -> None:
    from steadypose.export.models.registry import keypoint_keys, make_network
    from steadypose.export.weights.state_dict import with_other_keypoints

    assert keypoint_keys("hrnet_w32") == {"final_layer.weight", "final_layer.bias"}
    assert {"stem.9.conv.bias", "cpm_stages.1.model.0.conv.weight"} <= keypoint_keys("cpm3")
    old = make_network("hrnet_w32", keypoints=17, seed=1).state_dict()
    new = make_network("hrnet_w32", keypoints=4, seed=2).state_dict()
    found = with_other_keypoints(old, new, keypoint_keys("hrnet_w32"))
    assert torch.equal(found["conv1.weight"], old["conv1.weight"])
    assert torch.equal(found["final_layer.weight"], new["final_layer.weight"])
    other = make_network("pose_resnet18", keypoints=17, seed=1).state_dict()
    wide = make_network(
        "pose_resnet18", keypoints=17, seed=1, options={"deconv_filters": (64, 64, 64)}
    ).state_dict()
    found = with_other_keypoints(other, wide, keypoint_keys("pose_resnet18"))
    assert torch.equal(found["deconv_layers.0.weight"], other["deconv_layers.0.weight"])
