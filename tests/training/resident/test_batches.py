"""Batches made on the device: the same for a step, known as on the host, and learnt from."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from steadypose.engines.errors import SourceError
from steadypose.engines.skeletons.people import COCO17
from tests.training.made_up import coco_file
from tests.training.resident.cut import CutOut
from training.config import DataConfig, StageConfig, TrainConfig, load_config
from training.examples.augment import Augment

pytestmark = pytest.mark.export
torch: Any = pytest.importorskip("torch")

CPU = torch.device("cpu")
STILL = Augment(
    scale=0, shift=0, rotation_share=0, flip=0, half_body=0, occluder=0, blur=0, jpeg=0,
    colour=0, grey=0, noise=0,
)  # fmt: skip


def both(augment: Augment, *, batch: int = 24, **changes: Any) -> tuple[Any, Any]:
    """The batches of the device and those of the host, of the same people."""
    from training.examples.batches import Batches
    from training.examples.resident.batches import ResidentBatches
    from training.examples.resident.pictures import load_pictures

    datasets = [CutOut(count=20, lost=(3,)), CutOut(count=9)]
    options = {"shares": (2.0, 1.0), "size_hw": (64, 64), "padding": 1.25, "seed": 4, **changes}
    host = Batches(datasets, batch=batch, augment=augment, **options)
    pictures = load_pictures(datasets, CPU)
    assert pictures is not None
    return ResidentBatches(host, pictures), host


@pytest.mark.parametrize("flip", [0.0, 1.0])
def test_without_augmentation_batches_are_the_hosts(flip: float) -> None:
    device, host = both(replace(STILL, flip=flip), has_clean=True)
    for step in (0, 3):
        ours, theirs = device[step], host[step]
        apart = (ours.crops.int() - theirs.crops.int()).abs().float()
        assert apart.mean() < 1
        assert torch.equal(ours.is_known, theirs.is_known)
        assert torch.equal(ours.is_by_people, theirs.is_by_people)
        assert torch.equal(ours.crops, ours.clean)
        known = ours.is_known
        # Keypoints outside their pictures are FAR in both.
        np.testing.assert_allclose(ours.xy[known].numpy(), theirs.xy[known].numpy(), atol=0.05)
        assert (ours.xy[known] < -9000).any()
        for field in ("crops", "xy", "is_known"):
            assert getattr(ours, field).dtype == getattr(theirs, field).dtype


def test_mirroring_exchanges_left_and_right() -> None:
    straight, mirrored = both(STILL)[0][0], both(replace(STILL, flip=1.0))[0][0]
    assert (straight.crops.flip(2).int() - mirrored.crops.int()).abs().max() <= 1
    order = list(COCO17.flip_order)
    assert torch.equal(straight.is_known[:, order], mirrored.is_known)
    seen = mirrored.is_known & (mirrored.xy[..., 0] > -9000)
    expected = straight.xy[:, order].clone()
    expected[..., 0] = 63 - expected[..., 0]
    torch.testing.assert_close(mirrored.xy[seen], expected[seen], atol=1e-3, rtol=0)


def test_a_step_has_the_same_batch_whenever_it_is_made() -> None:
    first, second = (both(Augment(edge=0.3), has_clean=True)[0] for _ in range(2))
    batches = [first[step] for step in (0, 1, 2)]
    again = second[2]
    for field in ("crops", "xy", "is_known", "clean", "is_by_people"):
        assert torch.equal(getattr(batches[2], field), getattr(again, field))
    assert not torch.equal(batches[0].crops, batches[1].crops)
    other = both(Augment(edge=0.3), seed=5)[0][2]
    assert not torch.equal(other.crops, again.crops)


def test_a_batch_is_made_without_reading_anything_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """Torch's device "meta" has no values: reading one, or mixing it with the host's, raises."""
    from training.examples.resident.batches import ResidentBatches

    class Numbers:
        def __init__(self, device: Any) -> None:
            assert device.type == "meta"

        def manual_seed(self, _: int) -> None:
            """Torch has no random numbers without values."""

    made, host = both(Augment(edge=0.5), has_clean=True)
    pictures = replace(made._pictures, pixels=made._pictures.pixels.to("meta"))
    monkeypatch.setattr(torch, "Generator", Numbers)
    batch = ResidentBatches(host, pictures)[0]
    for field in ("crops", "xy", "is_known", "clean", "is_by_people"):
        assert getattr(batch, field).device.type == "meta"


def test_where_a_frame_ends_it_is_black_and_keypoints_are_far() -> None:
    device, host = both(replace(STILL, edge=1.0), batch=90)
    shares = []
    for batch in (device[0], host[0]):
        black = (batch.crops == 0).all(dim=3)
        is_far = batch.is_known & (batch.xy[..., 0] < -9000)
        shares.append((float(black.float().mean()), float(is_far.float().mean())))
        for crop, xy, known in zip(black, batch.xy, batch.is_known, strict=True):
            at = xy[known & (xy >= 0).all(dim=1) & (xy <= 63).all(dim=1)].round().long()
            # Some lie beyond their picture by a hair, or are rounded across the end.
            assert crop[at[:, 1], at[:, 0]].float().mean() < 0.35
    assert shares[0] == pytest.approx(shares[1], abs=0.05)


def test_augmented_batches_are_as_bright_and_as_varied_as_the_hosts() -> None:
    device, host = both(Augment(), batch=96, size_hw=(64, 64))
    found = []
    for batches in (device, host):
        crops = torch.cat([batches[step].crops for step in range(4)]).float()
        means = crops.mean(dim=(1, 2, 3))
        edges = (crops[:, 1:] - crops[:, :-1]).abs().mean(dim=(1, 2, 3))
        grey = (crops.amax(3) - crops.amin(3)).amax(dim=(1, 2)) < 16
        found.append([float(v) for v in (means.mean(), means.std(), edges.mean(), edges.std())])
        assert 0.02 < float(grey.float().mean()) < 0.3
    np.testing.assert_allclose(found[0], found[1], rtol=0.12)


def config_of(**changes: Any) -> TrainConfig:
    mannequin = DataConfig("mannequin", options={"count": 8})
    first = StageConfig(input=(32, 32), epochs=1, sigma=1.0, batch=4, warmup=2)
    made = TrainConfig(
        name="small",
        train=(mannequin,),
        validate=(mannequin,),
        stage=(first, replace(first, input=(64, 32))),
    )
    return replace(made, network=replace(made.network, deconv=(16, 16, 16)), **changes)


def start(config: TrainConfig, out: Path, *, workers: int | None = None) -> Any:
    from training.runs.run import Run

    return Run(config, root=out, out=out, device=CPU, workers=workers, is_quiet=True)


@pytest.mark.slow
def test_a_run_with_resident_pictures_goes_on_exactly(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    start(config_of(), whole).go()
    assert capsys.readouterr().err.count("pictures of 8 people take") == 1  # for both stages
    start(config_of(), parts).go(until_step=3)  # within the second stage
    start(config_of(), parts).go()
    a, b = (torch.load(p / "weights.pt", weights_only=True) for p in (whole, parts))
    assert all(torch.equal(a[key], b[key]) for key in a)


@pytest.mark.slow
def test_a_run_may_go_on_with_resident_pictures_and_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    start(config_of(), tmp_path, workers=0).go(until_step=1)
    start(config_of(), tmp_path).go(until_step=2)
    assert "goes on with another config (resident none, now True)" in capsys.readouterr().err
    start(config_of(), tmp_path, workers=0).go(until_step=3)
    assert "resident True, now none" in capsys.readouterr().err


def test_a_broken_picture_stops_a_resident_run_with_its_name(tmp_path: Path) -> None:
    coco_file(tmp_path, count=4)
    data = DataConfig("coco", options={"annotations": "labels.json"})
    run = start(config_of(train=(data,), validate=(data,)), tmp_path)
    (tmp_path / "2.png").write_bytes(b"broken")
    with pytest.raises(SourceError, match=r"2\.png is not a readable picture"):
        run.go()


def test_a_run_that_is_stopped_while_it_decodes_is_saved_and_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from training.datasets.mannequin import MannequinDataset

    run, sample = start(config_of(), tmp_path), MannequinDataset.sample
    decoded: list[int] = []

    def stopping(self: MannequinDataset, row: int) -> Any:
        decoded.append(row)
        run.is_stopping = row == 2
        return sample(self, row)

    monkeypatch.setattr(MannequinDataset, "sample", stopping)
    run.go()
    assert decoded == [0, 1, 2]
    said = capsys.readouterr().err
    assert "note: decoding pictures of 8 people..." in said
    assert "take" not in said
    assert (tmp_path / "checkpoint.pt").is_file()
    monkeypatch.undo()
    start(config_of(), tmp_path).go(until_step=1)
    assert "pictures of 8 people take" in capsys.readouterr().err


def test_decoding_is_not_the_time_of_a_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from training.examples.resident.pictures import load_pictures
    from training.runs import feeding, run
    from training.runs.progress import Meter

    times: list[Any] = []
    clock = [0.0]

    def slowly(*given: Any) -> Any:
        clock[0] += 1000.0
        return load_pictures(*given)

    monkeypatch.setattr(feeding, "load_pictures", slowly)
    monkeypatch.setattr(run, "time", SimpleNamespace(perf_counter=lambda: clock[0]))
    monkeypatch.setattr(Meter, "add", lambda _, *given: times.append(given[1:]))
    start(config_of(), tmp_path).go(until_step=1)
    assert (clock, times) == ([1000.0], [(0.0, 0.0)])


def test_resident_pictures_need_no_processes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from steadypose.realtime.model.places import ROOT
    from training.train import main

    config = str(ROOT / "training" / "configs" / "smoke.toml")
    given = ["--config", config, "--out", str(tmp_path / "run"), "--resident", "--workers"]
    for count in ("0", "2"):
        assert main([*given, count]) == 2
        said = capsys.readouterr().err
        assert "without the processes of --workers" in said
        assert "leave out one of the two" in said


@pytest.mark.slow
def test_the_smoke_config_learns_with_resident_pictures(tmp_path: Path) -> None:
    from steadypose.realtime.model.places import ROOT
    from training.train import main

    text = (ROOT / "training" / "configs" / "smoke.toml").read_text()
    for long, short in (("count = 320", "count = 32"), ("epochs = 8", "epochs = 1")):
        assert long in text
        text = text.replace(long, short)
    (tmp_path / "smoke.toml").write_text(text)
    config = tmp_path / "smoke.toml"
    assert len(load_config(config).stage) == 1
    given = ["--config", str(config), "--out", str(tmp_path / "run"), "--resident", "--quiet"]
    assert main([*given, "--device", "cpu"]) == 0
    assert (tmp_path / "run" / "weights.pt").is_file()
