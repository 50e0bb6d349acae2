"""Targets, losses, batches, and a run that learns, stops and goes on exactly."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from steadypose.engines.errors import EngineError, ModelFileError, SourceError, UsageError
from steadypose.engines.skeletons.people import COCO17, MPII16
from steadypose.realtime.model.places import ROOT
from tests.support.drawn import look_at
from tests.training.made_up import coco_file
from training.config import DataConfig, StageConfig, TrainConfig, load_config
from training.runs.progress import read_log

pytestmark = pytest.mark.export
torch: Any = pytest.importorskip("torch")
pytest.importorskip("matplotlib")

CONFIGS = ROOT / "training" / "configs"


@pytest.mark.parametrize(
    ("size_hw", "sigma", "stride", "worst_px"),
    [
        ((128, 96), 1.5, 4, 0.2),
        ((192, 160), 2.0, 4, 0.1),
        ((256, 192), 2.0, 4, 0.1),
        ((256, 192), 1.5, 8, 0.4),
    ],
)
def test_targets_and_decoding_are_inverse(
    size_hw: tuple[int, int], sigma: float, stride: int, worst_px: float
) -> None:
    from steadypose.export.models.decoding import Decode
    from training.examples.targets import heatmap_targets

    h, w = size_hw
    rng = np.random.default_rng(1)
    rim = 6 * stride
    xy = np.stack((rng.uniform(rim, w - rim, (40, 17)), rng.uniform(rim, h - rim, (40, 17))), -1)
    known = torch.ones(40, 17, dtype=torch.bool)
    target, weight = heatmap_targets(
        torch.from_numpy(xy), known, size_hw=size_hw, sigma=sigma, stride=stride
    )
    decode = Decode(
        keypoints=17, heatmap_hw=(h // stride, w // stride), stride=stride, refine="dark",
        cells="half", sigma=sigma,
    )  # fmt: skip
    found = decode(target).numpy()
    np.testing.assert_allclose(found[..., :2], xy, atol=worst_px)
    # In the two outermost cells there is nothing to refine with: half a cell of error.
    edge = torch.from_numpy(rng.uniform(0, 2 * stride, (40, 17, 2)))
    target, _ = heatmap_targets(edge, known, size_hw=size_hw, sigma=sigma, stride=stride)
    np.testing.assert_allclose(decode(target).numpy()[..., :2], edge, atol=0.5 * stride + 0.01)
    assert found[..., 2].min() > 0.85  # the peak is 1 at a cell's centre, less between cells
    assert weight.all()


def test_keypoints_outside_count_as_empty_and_unknown_ones_do_not_count() -> None:
    from training.examples.targets import heatmap_targets

    xy = torch.tensor([[[50.0, 200.0], [50.0, 50.0], [50.0, 50.0]]])
    known = torch.tensor([[True, True, False]])
    target, weight = heatmap_targets(xy, known, size_hw=(128, 96), sigma=1.5, stride=4)
    assert weight.tolist() == [[1.0, 1.0, 0.0]]
    assert target[0, 0].max() == 0
    assert target[0, 1].max() > 0.9
    assert target[0, 2].max() == 0


def test_the_loss_is_the_mean_square_of_what_counts() -> None:
    from training.runs.losses import distillation_loss, heatmap_loss

    target = torch.zeros(2, 3, 2, 2)
    found = torch.stack([torch.full((3, 2, 2), 1.0), torch.full((3, 2, 2), 2.0)])
    weight = torch.tensor([[1.0, 1.0, 0.0], [1.0, 0.0, 0.0]])
    assert heatmap_loss(found, target, weight) == pytest.approx((1 + 1 + 4) / 3)
    # Two stages: both are supervised and add up.
    both = heatmap_loss([found, found * 0.5], target, weight)
    assert both == pytest.approx(2.0 * (1 + 0.25))
    assert heatmap_loss(found, target, torch.zeros(2, 3)) == 0
    assert distillation_loss(found, found, weight) == 0


def test_hard_keypoints_are_those_with_the_largest_error() -> None:
    from training.runs.losses import heatmap_loss

    found = torch.tensor([1.0, 3.0, 2.0]).view(1, 3, 1, 1).expand(1, 3, 2, 2)
    target, weight = torch.zeros(1, 3, 2, 2), torch.ones(1, 3)
    assert heatmap_loss(found, target, weight, hard=2) == pytest.approx((9 + 4) / 2)
    assert heatmap_loss(found, target, weight, hard=9) == pytest.approx((1 + 9 + 4) / 3)
    unknown = torch.tensor([[1.0, 0.0, 1.0]])
    assert heatmap_loss(found, target, unknown, hard=1) == pytest.approx(4)


def test_rates_follow_their_schedules() -> None:
    from training.runs.trainer import rate_at

    stage = StageConfig(input=(64, 64), epochs=1, rate=1.0, warmup=10)
    assert rate_at(0, 100, stage) == pytest.approx(0.1)
    assert rate_at(1, 20, stage) > 0.9  # a short stage is not all warm-up
    assert rate_at(50, 100, stage) == pytest.approx(0.5)
    assert rate_at(100, 100, stage) == 0
    assert rate_at(100, 100, replace(stage, schedule="constant")) == 1
    assert rate_at(75, 100, replace(stage, schedule="linear")) == pytest.approx(0.25)
    steps = replace(stage, schedule="steps")
    assert [rate_at(n, 140, steps) for n in (80, 100, 130)] == pytest.approx([1, 0.1, 0.01])


def make_batches(**changes: Any) -> Any:
    from training.datasets.mannequin import MannequinDataset
    from training.examples.augment import Augment
    from training.examples.batches import Batches

    options = {
        "shares": (3.0, 1.0), "batch": 8, "size_hw": (64, 64), "padding": 1.25,
        "augment": Augment(), "seed": 4, **changes,
    }  # fmt: skip
    return Batches([MannequinDataset(count=12), MannequinDataset(count=50, seed=1)], **options)


def test_shares_become_whole_examples() -> None:
    from training.examples.batches import split_batch

    assert split_batch([3, 1], 8) == [6, 2]
    assert split_batch([1, 1, 1], 8) == [3, 3, 2]
    with pytest.raises(UsageError, match=r"share 0\.1 gets no place"):
        split_batch([0.9, 0.1], 4)


def test_every_picture_is_shown_once_before_any_twice() -> None:
    batches = make_batches()
    assert batches.steps_per_epoch == 2
    seen = Counter(row for step in range(6) for which, row in batches.rows(step) if which == 0)
    assert set(seen.values()) == {3}
    first = {row for step in range(2) for which, row in batches.rows(step) if which == 0}
    assert first == set(range(12))
    assert batches.rows(0) != batches.rows(2)


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_step_is_the_same_batch_wherever_it_is_made() -> None:
    from training.examples.batches import load_batches

    here = list(load_batches(make_batches(), first=0, last=4, workers=0))
    there = list(load_batches(make_batches(), first=2, last=4, workers=2))
    for a, b in zip(here[2:], there, strict=True):
        assert torch.equal(a.crops, b.crops)
        assert torch.equal(a.xy, b.xy)
        assert torch.equal(a.is_known, b.is_known)
    assert not torch.equal(here[0].crops, here[1].crops)


@pytest.mark.parametrize("workers", [0, 1])
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_broken_picture_stops_training_with_its_name(tmp_path: Path, workers: int) -> None:
    from training.datasets.coco import CocoDataset
    from training.examples.augment import Augment
    from training.examples.batches import Batches, load_batches

    data = CocoDataset(coco_file(tmp_path, count=4))
    (tmp_path / "2.png").write_bytes(b"broken")
    batches = Batches(
        [data], shares=[1], batch=4, size_hw=(64, 64), padding=1.25, augment=Augment(), seed=0
    )
    with pytest.raises(SourceError, match=r"2\.png is not a readable picture") as kept:
        list(load_batches(batches, first=0, last=1, workers=workers))
    assert kept.tb is not None  # even a traceback that is kept does not keep the processes
    assert not multiprocessing.active_children()


def small_config(**changes: Any) -> TrainConfig:
    mannequin = DataConfig("mannequin", options={"count": 16})
    first = StageConfig(input=(32, 32), epochs=2, sigma=1.0, batch=4, warmup=2)
    made = TrainConfig(
        name="small",
        train=(mannequin,),
        validate=(mannequin,),
        stage=(first, replace(first, input=(64, 32), epochs=1)),
    )
    return replace(made, network=replace(made.network, deconv=(16, 16, 16)), **changes)


def start(config: TrainConfig, out: Path) -> Any:
    from training.runs.run import Run

    device = torch.device("cpu")
    return Run(config, root=out, out=out, device=device, workers=0, is_quiet=True)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a run leaves that nobody stopped."""
    out = tmp_path_factory.mktemp("whole")
    start(small_config(), out).go()
    return out


@pytest.mark.slow
@pytest.mark.parametrize("stop_at", [3, 4, 9])  # mid-epoch, at an epoch's end, in stage 2
def test_a_run_that_was_stopped_ends_with_the_same_weights(
    whole: Path, tmp_path: Path, stop_at: int
) -> None:
    parts = tmp_path / "parts"
    start(small_config(), parts).go(until_step=stop_at)
    assert torch.load(parts / "checkpoint.pt", weights_only=True)["trainer"]["step"] > 0
    start(small_config(), parts).go()
    a, b = (torch.load(p / "weights.pt", weights_only=True) for p in (whole, parts))
    assert a.keys() == b.keys()
    assert all(torch.equal(a[key], b[key]) for key in a)
    rows = [read_log(p / "log.csv") for p in (whole, parts)]
    for row in (*rows[0], *rows[1]):
        del row["seconds"], row["waiting"]
    assert rows[0] == rows[1]
    assert [row["step"] for row in rows[0]] == ["4", "8", "12"]


@pytest.mark.slow
def test_a_stage_has_data_sets_and_a_padding_of_its_own(tmp_path: Path) -> None:
    first, second = small_config().stage
    late = DataConfig("mannequin", stages=(2,), options={"count": 8, "seed": 5})
    made = small_config(
        train=(small_config().train[0], late),
        stage=(replace(first, epochs=1), replace(second, padding=1.5)),
    )
    run = start(made, tmp_path)
    one, two = (run._batches(stage, n) for n, stage in enumerate(made.stage))
    assert {which for which, _ in one.rows(0)} == {0}
    assert Counter(which for which, _ in two.rows(0)) == {0: 2, 1: 2}
    wide = start(small_config(), tmp_path / "other")._batches(second, 1)
    assert not torch.equal(two[0].crops[:2], wide[0].crops[:2])
    run.go()
    assert json.loads((tmp_path / "weights.json").read_text())["recipe"]["padding"] == 1.5


def tiny_trainer(network: Any, **changes: Any) -> Any:
    from training.runs.objectives import heatmap_objective
    from training.runs.trainer import Trainer

    stage = replace(StageConfig(input=(32, 32), epochs=1, sigma=1.0, warmup=0), **changes)
    objective = heatmap_objective(stage, stride=1, teacher_share=0.0)
    device = torch.device("cpu")
    return Trainer(network, stage=stage, steps=10, device=device, objective=objective, seed=4)


def some_batch() -> Any:
    from training.examples.batches import Batch

    numbers = torch.Generator().manual_seed(0)
    crops = torch.randint(0, 255, (2, 32, 32, 3), generator=numbers, dtype=torch.uint8)
    xy = 32 * torch.rand(2, 17, 2, generator=numbers)
    return Batch(crops, xy, torch.ones(2, 17, dtype=torch.bool))


def test_a_network_with_dropout_goes_on_exactly() -> None:
    from torch import nn

    def network() -> Any:
        torch.manual_seed(1)
        return nn.Sequential(nn.Dropout2d(0.5), nn.Conv2d(3, 17, 1))

    straight, stopped, resumed = (tiny_trainer(network()) for _ in range(3))
    for _ in range(3):
        straight.learn(some_batch())
    stopped.learn(some_batch())
    state = stopped.state()
    torch.manual_seed(99)  # what happens in between does not matter
    resumed.restore(state)
    for _ in range(2):
        resumed.learn(some_batch())
    a, b = straight.network.state_dict(), resumed.network.state_dict()
    assert all(torch.equal(a[key], b[key]) for key in a)


def test_the_average_follows_by_its_decay() -> None:
    from torch import nn

    trainer = tiny_trainer(nn.Conv2d(3, 17, 1), average=0.6)
    mean = trainer.network.weight.detach().clone()
    for step in range(8):
        trainer.learn(some_batch())
        keep = min(0.6, (step + 2) / (step + 11))
        mean = keep * mean + (1 - keep) * trainer.network.weight.detach()
    assert torch.allclose(trainer.average.weight, mean, atol=1e-6)


def test_pictures_are_channels_last_and_bf16_where_that_is_fast() -> None:
    from torch import nn

    from training.runs.trainer import has_bf16

    seen: dict[str, Any] = {}

    class Spy(nn.Conv2d):  # type: ignore[misc]
        def forward(self, x: Any) -> Any:
            seen["last"] = x.is_contiguous(memory_format=torch.channels_last)
            found = super().forward(x)
            seen["dtype"] = found.dtype
            return found

    trainer = tiny_trainer(Spy(3, 17, 3, padding=1))
    trainer.learn(some_batch())
    assert seen["last"]
    assert trainer.network.weight.is_contiguous(memory_format=torch.channels_last)
    assert seen["dtype"] == (torch.bfloat16 if has_bf16(torch.device("cpu")) else torch.float32)


@pytest.mark.parametrize(
    ("bf16_s", "has_amx", "is_used"), [(0.5, False, True), (1.5, False, False), (0.5, True, False)]
)
def test_bf16_is_used_only_where_it_is_measured_to_be_faster_and_computes_numbers(
    monkeypatch: pytest.MonkeyPatch, *, bf16_s: float, has_amx: bool, is_used: bool
) -> None:
    from training.runs import trainer

    took_s = {torch.float32: 1.0, torch.bfloat16: bf16_s}
    monkeypatch.setattr(trainer, "_product_s", took_s.__getitem__)
    monkeypatch.setattr(trainer, "has_amx", lambda: has_amx)
    monkeypatch.setattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda: True)
    assert trainer.has_bf16.__wrapped__(torch.device("cpu")) is is_used


def test_adam_decays_nothing_unless_told() -> None:
    stage = StageConfig(input=(32, 32), epochs=1)
    assert stage.decay == 0.02
    assert replace(stage, optimizer="adam").decay == 0.0
    assert replace(stage, optimizer="adam", weight_decay=0.1).decay == 0.1


def test_the_meter_tells_how_long_it_waited() -> None:
    from training.runs.progress import Meter

    meter = Meter()
    meter.add(1.0, took_s=2.0, waited_s=0.5)
    meter.add(3.0, took_s=6.0, waited_s=0.5)
    assert (meter.loss, meter.waiting, meter.step_s) == (2.0, 0.125, 4.0)
    meter.start_epoch()
    assert (meter.waiting, meter.seconds) == (0.0, 8.0)


class InterruptError(Exception):
    pass


@pytest.mark.slow
@pytest.mark.parametrize("where", ["in a step", "while measuring", "after a step, by a signal"])
def test_an_interrupted_run_goes_on_exactly(
    whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    from torch import nn

    parts = tmp_path / "parts"
    run = start(small_config(), parts)
    with monkeypatch.context() as patch:
        if where == "in a step":
            real, calls = nn.utils.clip_grad_norm_, []

            def clip(*arguments: Any) -> Any:
                calls.append(1)
                if len(calls) == 6:  # forward and backward have moved things by then
                    raise InterruptError
                return real(*arguments)

            patch.setattr(nn.utils, "clip_grad_norm_", clip)
        elif where == "while measuring":

            def measure(*_: Any) -> Any:
                raise InterruptError

            patch.setattr("training.runs.run.measure", measure)
        else:
            real_add, seen = run_meter(), []

            def add(self: Any, *arguments: Any) -> None:
                real_add(self, *arguments)
                seen.append(1)
                run.is_stopping = len(seen) == 3

            patch.setattr("training.runs.run.Meter.add", add)
        if where == "after a step, by a signal":
            run.go()
            assert run.is_stopping
        else:
            with pytest.raises(InterruptError):
                run.go()
    start(small_config(), parts).go()
    a, b = (torch.load(p / "weights.pt", weights_only=True) for p in (whole, parts))
    assert all(torch.equal(a[key], b[key]) for key in a)
    logs = [[(r["epoch"], r["step"], r["loss"], r["pck"]) for r in read_log(p / "log.csv")]
            for p in (whole, parts)]  # fmt: skip
    assert logs[0] == logs[1]


def run_meter() -> Any:
    from training.runs.progress import Meter

    return Meter.add


@pytest.mark.slow
def test_another_config_does_not_go_on_from_a_checkpoint(tmp_path: Path) -> None:
    start(small_config(), tmp_path).go(until_step=2)
    with pytest.raises(UsageError, match="belongs to another config"):
        start(small_config(seed=9), tmp_path).go()


def test_a_loss_that_is_not_a_number_stops_before_the_weights_are_touched(
    tmp_path: Path,
) -> None:
    config = small_config()
    wild = replace(config, stage=(replace(config.stage[0], rate=1e12),))
    with pytest.raises(EngineError, match="the loss became"):
        start(wild, tmp_path).go()


def test_weights_of_another_skeleton_give_all_but_the_last_layer(tmp_path: Path) -> None:
    from steadypose.export.models.pose_resnet import PoseResNet
    from training.runs.run import Begin, Run

    coco_file(tmp_path, count=4)
    trained = PoseResNet(18, deconv_filters=(16, 16, 16))
    trained.init_weights(seed=5)
    torch.save(trained.state_dict(), tmp_path / "w.pt")
    data = DataConfig("coco", options={"annotations": "labels.json"})
    config = small_config(train=(data,), validate=(data,))
    run = Run(
        config, root=tmp_path, out=tmp_path / "o", device=torch.device("cpu"), workers=0,
        begin=Begin(weights=tmp_path / "w.pt"),
    )  # fmt: skip
    network = run._first
    assert torch.equal(network.layer4[1].conv2.weight, trained.layer4[1].conv2.weight)
    assert network.final_layer.weight.shape[0] == 4
    assert any("only" in note for note in run.notes)


@pytest.mark.slow
def test_a_run_starts_from_the_weights_of_a_model_file(tmp_path: Path, whole: Path) -> None:
    from steadypose.export.export_onnx import main as export
    from steadypose.export.weights.state_dict import load_weights

    model = tmp_path / "first.onnx"
    given = ["--weights", str(whole / "weights.pt"), "--check-crops", "1", "--output", str(model)]
    assert export([*given, "--store", "fp32"]) == 0
    text = f'''
name = "second"
[network]
weights = "{model.name}"
deconv = [16, 16, 16]
[[train]]
kind = "mannequin"
count = 16
[[validate]]
kind = "mannequin"
count = 16
[[stage]]
input = [64, 32]
epochs = 1
batch = 4
'''
    (tmp_path / "second.toml").write_text(text)
    run = start(load_config(tmp_path / "second.toml"), tmp_path)
    state = run._first.state_dict()
    trained = load_weights(whole / "weights.pt")
    assert state.keys() == trained.keys()
    for key, value in trained.items():
        assert key.endswith("num_batches_tracked") or torch.equal(state[key], value), key
    run.go(until_step=2)
    after = torch.load(tmp_path / "checkpoint.pt", weights_only=True)["trainer"]
    assert after["step"] == 2


@pytest.mark.slow
@pytest.mark.parametrize("to_group", [False, True])
@pytest.mark.posix("signals to another process")
def test_a_terminated_run_saves_and_says_so(tmp_path: Path, *, to_group: bool) -> None:
    config = CONFIGS / "smoke.toml"
    command = [sys.executable, "-m", "training.train", "--config", str(config)]
    child = subprocess.Popen(
        [*command, "--out", str(tmp_path), "--workers", "1", "--threads", "1", "--quiet"],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    deadline = time.monotonic() + 120
    while not (tmp_path / "checkpoint.pt").exists() and time.monotonic() < deadline:
        time.sleep(0.2)
    (os.killpg if to_group else os.kill)(child.pid, signal.SIGTERM)
    _, said = child.communicate(timeout=120)
    assert child.returncode == 2, said
    assert "stopped and saved" in said
    assert "Traceback" not in said
    assert torch.load(tmp_path / "checkpoint.pt", weights_only=True)["trainer"]["step"] >= 20


@pytest.mark.slow
def test_a_finished_run_says_so_again_and_leaves_pictures(tmp_path: Path) -> None:
    score = start(small_config(), tmp_path).go()
    assert start(small_config(), tmp_path).go() == pytest.approx(score, abs=1e-4)
    for name in ("curve.png", "grid.png", "grids/001.jpg", "grids/003.jpg"):
        look_at(tmp_path / name)
    recipe = json.loads((tmp_path / "weights.json").read_text())["recipe"]
    assert recipe["input_hw"] == [64, 32]


@pytest.mark.slow
def test_a_teacher_and_hard_keypoints_can_be_trained_with(tmp_path: Path) -> None:
    from training.config import TeacherConfig

    start(small_config(), tmp_path).go()
    (tmp_path / "weights.pt").rename(tmp_path / "teacher.pt")
    teacher = TeacherConfig("teacher.pt", kind="pose_resnet18", deconv=(16, 16, 16), share=0.9)
    config = small_config(teacher=teacher)
    config = replace(config, stage=(replace(config.stage[0], hard=8, optimizer="adam"),))
    out = tmp_path / "student"
    out.mkdir()
    (tmp_path / "teacher.pt").rename(out / "teacher.pt")
    assert start(config, out).go() >= 0
    assert (out / "weights.pt").exists()


def test_a_teacher_of_other_pixels_or_keypoints_is_refused(tmp_path: Path) -> None:
    from steadypose.export.models.registry import make_network
    from steadypose.export.weights.recipe import Recipe
    from training.config import TeacherConfig
    from training.runs.checkpoints import save_weights
    from training.runs.teacher import open_teacher

    recipe = Recipe(deconv=(16, 16, 16), final_kernel=3, input_hw=(64, 64))
    network = make_network("pose_resnet18", keypoints=17, options=recipe.options, seed=0)
    save_weights(network, tmp_path / "t.pt")
    recipe.save(tmp_path / "t.pt", name="t", source="test")
    config = TeacherConfig("t.pt", deconv=(8, 8, 8))

    def teach(**changes: Any) -> Any:
        given = {"root": tmp_path, "input_hw": (32, 32), "skeleton": COCO17, **changes}
        return open_teacher(config, **given)

    taught = teach().state_dict()  # layers as its recipe says, not as the config guesses
    assert torch.allclose(taught["final_layer.weight"], network.final_layer.weight, atol=1e-3)
    with pytest.raises(UsageError, match="knows coco17, the student mpii16"):
        teach(skeleton=MPII16)
    for field, value in (("cells", "corner"), ("colour", "bgr")):
        changed: Any = {field: value}
        replace(recipe, **changed).save(tmp_path / "t.pt", name="t", source="test")
        with pytest.raises(UsageError, match=f"was trained with {field} '{value}'"):
            teach()


def test_a_student_comes_nearer_to_its_teacher() -> None:
    from torch import nn

    from training.runs.objectives import heatmap_objective
    from training.runs.trainer import Trainer

    torch.manual_seed(3)
    teacher = nn.Conv2d(3, 17, 3, padding=1)
    stage = StageConfig(input=(32, 32), epochs=1, sigma=1.0, rate=1e-2, warmup=0)
    trainer = Trainer(
        nn.Conv2d(3, 17, 3, padding=1),
        stage=stage,
        steps=60,
        device=torch.device("cpu"),
        objective=heatmap_objective(stage, stride=1, teacher_share=1.0),
        teacher=teacher,
    )
    losses = [trainer.learn(some_batch()) for _ in range(60)]
    assert losses[-1] < 0.5 * losses[0]


def test_a_damaged_checkpoint_and_a_foreign_log_are_sentences(tmp_path: Path) -> None:
    (tmp_path / "checkpoint.pt").write_bytes(b"half")
    with pytest.raises(ModelFileError, match="is damaged or cut short"):
        start(small_config(), tmp_path).go()
    (tmp_path / "checkpoint.pt").unlink()
    (tmp_path / "log.csv").write_text("a,b\n1,2\n")
    with pytest.raises(UsageError, match="not a log"):
        start(small_config(), tmp_path).go()


@pytest.mark.parametrize("name", ["default", "smoke"])
def test_the_configs_that_ship_are_valid(name: str) -> None:
    config = load_config(CONFIGS / f"{name}.toml")
    assert config.stage
    assert config.network.kind == "pose_resnet18"


WHOLE = 'name = "x"\n[[train]]\nkind = "mannequin"\n[[validate]]\nkind = "mannequin"\n'
STAGE = "\n[[stage]]\ninput = [96, 96]\nepochs = 1"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name = 3 3", "no TOML"),
        ("colour = 1", "has no entry 'colour'"),
        ('name = "x"', "needs"),
        ("[[train]]\nshare = 1", "has no kind"),
        ('[[train]]\nkind = "pack"\nshare = -1', "share -1"),
        (WHOLE + "[[stage]]\ninput = [100, 96]\nepochs = 1", "multiples of 32"),
        (WHOLE + '[teacher]\nweights = "x"\nkind = "cpm3"' + STAGE, "heatmaps"),
        (WHOLE + '[teacher]\nweights = "x"\nkind = "deeppose_resnet50"' + STAGE, "heatmaps"),
        (WHOLE + '[teacher]\nweights = "x"\nkind = "hourglass2"' + STAGE, "multiples of 64"),
        ('[network]\nkind = "hrnet_w32"\ndeconv = [1, 2, 3]', "hrnet_w32 has no deconv"),
        ("[[stage]]\ninput = [96, 96]\nepochs = 0", "must be positive"),
        ("[[stage]]\ninput = [96, 96]\nepochs = 1e300", "cannot be learnt"),
        ("[[stage]]\ninput = [6400000, 64]\nepochs = 1", "cannot be learnt"),
        ("[[stage]]\ninput = [64, 64]\nepochs = 1\nbatch = 1000000000", "cannot be learnt"),
        ("[[stage]]\ninput = [64, 64]\nepochs = 1\nwarmup = -5", "below 0"),
        ('[[stage]]\ninput = [96, 96]\nepochs = 1\nschedule = "wave"', "'wave'"),
        ("[[stage]]\nepochs = 1", "input"),
        ("[stage]\nepochs = 1", "two brackets"),
        ("[augment]\nzoom = 1", "has no entry 'zoom'"),
        ("network = 3", "is not a table"),
        ('[network]\nkind = "pose_resnet19"', "pose_resnet19"),
        ("[network]\ndeconv = [1, 2]", "three positive"),
        ("[network]\ndeconv = [10000000, 32, 32]", "up to 16384"),
        ("[network]\ndeconv = 5", "deconv cannot be 5"),
        ("[augment]\nflip = 1.5", "between 0 and 1"),
        ('[augment]\nflip = "yes"', "flip cannot be 'yes'"),
        ("[[stage]]\ninput = [96, 96]\nepochs = 1\nbatch = 3.5", "batch cannot be 3.5"),
        ("[[stage]]\ninput = [96, 96]\nepochs = nan", "nan is no number"),
        ("[[stage]]\ninput = [96, 96]\nepochs = 1\naverage = 2.0", "average must be"),
        ("[[stage]]\ninput = [96, 96]\nepochs = 1\nhard = -1", "must not be negative"),
        ('[teacher]\nweights = "x"\nshare = 2', "share 2 is not in"),
        ('[[train]]\nkind = "mannequin"\nstages = []', r"stages \[\] of a data set"),
        ('[[train]]\nkind = "mannequin"\nstages = 2', "stages 2 of a data set"),
        (WHOLE.replace("[[val", "stages = [2]\n[[val") + STAGE, "wants stage 2 of 1"),
        (WHOLE.replace("[[val", "stages = [2]\n[[val") + 2 * STAGE, "stage 1 has no"),
        (WHOLE + "stages = [1]" + STAGE, "takes no stages"),
        (WHOLE + STAGE + "\npadding = 0.5", "padding of a stage"),
    ],
)
def test_a_config_that_cannot_work_is_a_sentence(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "c.toml").write_text(text)
    with pytest.raises(UsageError, match=message):
        load_config(tmp_path / "c.toml")


def test_a_missing_config_is_a_sentence() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "training.train", "--config", "none.toml", "--out", "x"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    assert done.returncode == 2
    assert "cannot read none.toml" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("given", [("--threads", "-1"), ("--threads", "0"), ("--workers", "-3")])
def test_numbers_that_cannot_be_are_sentences(
    given: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    from training.train import main

    assert main(["--config", "c.toml", "--out", "x", *given]) == 2
    assert f"{given[1]} is not between" in capsys.readouterr().err


@pytest.mark.slow
def test_the_smoke_config_really_learns(tmp_path: Path) -> None:
    from training.runs.run import Run

    config = load_config(CONFIGS / "smoke.toml")
    run = Run(
        config, root=tmp_path, out=tmp_path, device=torch.device("cpu"), workers=1, is_quiet=True
    )
    score = run.go()
    rows = read_log(tmp_path / "log.csv")
    first, last = (float(rows[i]["loss"]) for i in (0, -1))
    assert last < 0.85 * first
    assert score > 0.45
    assert run.skeleton is COCO17
