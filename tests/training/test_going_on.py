"""Runs that go on: with half a log, without weights, on corrected labels, on a full disk."""

from __future__ import annotations

import errno
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from steadypose.engines.errors import EngineError, ModelFileError, RecordError, UsageError
from tests.training.made_up import coco_file
from training.config import DataConfig, StageConfig, TrainConfig

pytestmark = pytest.mark.export
torch: Any = pytest.importorskip("torch")

STAGE = StageConfig(input=(32, 32), epochs=1, sigma=1.0, batch=4, warmup=2)


def config_of(folder: Path, **changes: Any) -> TrainConfig:
    data = DataConfig("coco", options={"annotations": "labels.json"})
    made = TrainConfig(name="arrows", train=(data,), validate=(data,), stage=(STAGE,))
    return replace(made, network=replace(made.network, deconv=(16, 16, 16)), **changes)


def start(folder: Path, **changes: Any) -> Any:
    from training.runs.run import Run

    device, out = torch.device("cpu"), folder / "run"
    config = config_of(folder, **changes)
    return Run(config, root=folder, out=out, device=device, workers=0, is_quiet=True)


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("done")
    coco_file(folder, count=8)
    start(folder).go()
    return folder


@pytest.fixture
def finished(done: Path, tmp_path: Path) -> Path:
    """A folder with pictures and a finished run, to be damaged."""
    import shutil

    shutil.copytree(done, tmp_path / "copy")
    return tmp_path / "copy"


HALF = "2,1,"


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text + HALF,
        lambda text: text + "2,1,4,x,1e-3,0.1,0.5,0.1\n",
        lambda text: text + "\0" * 40,
        lambda text: text[:20],
        lambda _: "",
        lambda text: text.splitlines()[0] + "\n1,1,2",
    ],
)
def test_a_log_can_never_cost_a_checkpoint(finished: Path, damage: Any) -> None:
    from training.runs.progress import read_log

    log = finished / "run" / "log.csv"
    damaged = damage(log.read_text())
    log.write_bytes(damaged.encode())
    run = start(finished)
    said = any("are no rows and left out" in note for note in run.notes)
    assert said == bool(damaged)
    score = run.go()
    assert np.isfinite(score)
    rows = read_log(log)
    assert [row["step"] for row in rows] == ["2"]  # written again where it was lost
    assert log.read_text().endswith("\n")
    assert "\0" not in log.read_text()


@pytest.mark.parametrize("name", ["weights.pt", "weights.json"])
@pytest.mark.parametrize("is_damaged", [True, False])
def test_a_finished_run_has_the_weights_that_it_names(
    finished: Path, name: str, *, is_damaged: bool
) -> None:
    from steadypose.export.weights.recipe import find_recipe
    from steadypose.export.weights.state_dict import load_weights

    file = finished / "run" / "weights.pt"
    wanted = load_weights(file)
    if is_damaged and name == "weights.pt":
        file.write_bytes(file.read_bytes()[:1000])
    else:
        (finished / "run" / name).unlink()
    start(finished).go()
    found = load_weights(file)
    assert all(torch.equal(found[key], wanted[key]) for key in wanted)
    assert find_recipe(file) is not None


def test_a_log_that_a_spreadsheet_saved_is_still_one(finished: Path) -> None:
    log = finished / "run" / "log.csv"
    log.write_text(log.read_text(), encoding="utf-8-sig")
    assert not any("left out" in note for note in start(finished).notes)


def _without(*names: str) -> Any:
    def change(saved: dict[str, Any]) -> Any:
        for name in names:
            saved.pop(name)
        return saved

    return change


def _emptied(saved: dict[str, Any]) -> Any:
    saved["trainer"]["network"] = {}
    return saved


def _placed(place: object) -> Any:
    return lambda saved: {**saved, "place": place}


def _stepped(step: object) -> Any:
    return lambda saved: {**saved, "trainer": {**saved["trainer"], "step": step}}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda _: [1], "is no checkpoint of training.train"),
        (lambda saved: saved["trainer"]["network"], "is no checkpoint of training.train"),
        (_without("trainer"), "is no checkpoint of training.train"),
        (_placed([0]), "is no checkpoint of training.train"),
        (_placed(None), "is no checkpoint of training.train"),
        (_placed(3), "is no checkpoint of training.train"),
        (_placed("ab"), "is no checkpoint of training.train"),
        (_placed((-1, 0)), "is no checkpoint of training.train"),
        (_stepped(None), "is no checkpoint of training.train"),
        (_stepped([]), "is no checkpoint of training.train"),
        (_emptied, "does not fit the network"),
    ],
)
def test_another_file_in_the_place_of_a_checkpoint_is_a_sentence(
    finished: Path, change: Any, message: str
) -> None:
    path = finished / "run" / "checkpoint.pt"
    torch.save(change(torch.load(path, weights_only=True)), path)
    with pytest.raises(ModelFileError, match=message) as kept:
        start(finished).go()
    assert "weights.pt --out NEW" in kept.value.fix


@pytest.mark.parametrize(
    "told",
    [
        *(
            "[1]",
            "7",
            '"x"',
            '{"a": 1}',
            '{"stage": 5, "train": []}',
            '{"stage": [7], "train": []}',
        ),
        *('{"stage": [{}], "train": [{}]}', '{"stage": [], "train": [7]}', 7, None, [1], "", "["),
        '{"stage": [], "train": [{"options": 3}]}',
    ],
)
def test_a_fingerprint_of_another_shape_is_another_version(tmp_path: Path, told: object) -> None:
    from training.runs.checkpoints import changes_since, fingerprint

    now = fingerprint(config_of(tmp_path), [8], first_stage=1, labels="a")
    with pytest.raises(UsageError, match=r"other data or another version\n") as kept:
        changes_since(told, now, tmp_path / "checkpoint.pt", stage=0)
    assert "--out NEW" in kept.value.fix


def test_what_was_learnt_does_not_depend_on_where_it_lies_or_how_it_is_called(
    finished: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import shutil

    from steadypose.export.weights.recipe import find_recipe

    shutil.copytree(finished, finished / "elsewhere", ignore=shutil.ignore_patterns("run"))
    moved = DataConfig("coco", options={"annotations": "elsewhere/labels.json"})
    other = DataConfig("coco", options={"annotations": "labels.json"})
    start(finished, train=(moved,), validate=(moved, other), name="darts").go()
    assert "goes on with another config" in capsys.readouterr().err
    origin = find_recipe(finished / "run" / "weights.pt")
    assert origin is not None
    assert origin.name == "darts"


def test_a_finished_run_has_its_pictures_and_the_skeleton_as_it_is_now(finished: Path) -> None:
    from steadypose.export.weights.recipe import find_recipe

    path = finished / "labels.json"
    data = json.loads(path.read_text())
    data["categories"][0]["skeleton"] = [[1, 2]]
    path.write_text(json.dumps(data))
    (finished / "run" / "grid.png").unlink()
    start(finished).go()
    origin = find_recipe(finished / "run" / "weights.pt")
    assert origin is not None
    assert origin.recipe.skeleton.limbs == ((0, 1),)
    assert (finished / "run" / "grid.png").is_file()


def test_a_keypoint_with_another_name_is_another_label(finished: Path) -> None:
    path = finished / "labels.json"
    path.write_text(path.read_text().replace("right_barb", "right_feather"))
    with pytest.raises(UsageError, match="the labels were changed"):
        start(finished).go()


def test_corrected_labels_are_noticed_although_there_are_as_many(finished: Path) -> None:
    path = finished / "labels.json"
    data = json.loads(path.read_text())
    data["annotations"][3]["keypoints"][0] += 3
    path.write_text(json.dumps(data))
    with pytest.raises(UsageError, match="the labels were changed") as kept:
        start(finished).go()
    assert "--weights" in str(kept.value)


@pytest.mark.parametrize(
    ("stage", "message"),
    [
        (replace(STAGE, epochs=3, rate=1e-4), "stage 1 epochs 1, now 3; stage 1 rate 0.001, now"),
        (replace(STAGE, epochs=2, schedule="constant"), "stage 1 epochs 1, now 2"),
        (replace(STAGE, epochs=2, weight_decay=0.5), "stage 1 weight_decay None, now 0.5"),
    ],
)
def test_a_finished_run_goes_on_for_longer_at_another_rate(
    finished: Path, capsys: pytest.CaptureFixture[str], stage: StageConfig, message: str
) -> None:
    from training.runs.progress import read_log

    before = torch.load(finished / "run" / "checkpoint.pt", weights_only=True)["trainer"]
    score = start(finished, stage=(stage,)).go()
    assert message in capsys.readouterr().err
    rows = read_log(finished / "run" / "log.csv")
    assert [int(row["step"]) for row in rows] == [2 * n for n in range(1, round(stage.epochs) + 1)]
    assert float(rows[-1]["pck"]) == pytest.approx(score, abs=1e-4)
    after = torch.load(finished / "run" / "checkpoint.pt", weights_only=True)["trainer"]
    assert after["step"] == 2 * stage.epochs
    assert float(after["optimizer"]["state"][0]["step"]) == after["step"]  # its memory was kept
    assert after["optimizer"]["param_groups"][0]["weight_decay"] == stage.decay
    key = "conv1.weight"
    assert not torch.equal(after["network"][key], before["network"][key])
    start(finished, stage=(stage,)).go()  # and now it is the run's config
    assert "another config" not in capsys.readouterr().err


def test_a_finished_run_takes_another_stage_and_a_running_one_other_later_stages(
    finished: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from training.runs.progress import read_log

    second = replace(STAGE, input=(64, 32), rate=1e-4)
    start(finished, stage=(STAGE, replace(second, epochs=2))).go(until_step=2)
    assert "stage 2 epochs none, now 2" in capsys.readouterr().err
    start(finished, stage=(STAGE, second)).go()
    rows = read_log(finished / "run" / "log.csv")
    assert [(row["stage"], row["step"]) for row in rows] == [("1", "2"), ("2", "4")]
    with pytest.raises(UsageError, match="stage 1 epochs 1, now 2"):  # that one is over
        start(finished, stage=(replace(STAGE, epochs=2), second)).go()
    with pytest.raises(UsageError, match="stage 2 batch 4, now 2"):
        start(finished, stage=(STAGE, replace(second, batch=2))).go()
    with pytest.raises(UsageError, match="belongs to another config"):
        start(finished, stage=(STAGE,)).go()  # what was learnt is not in this config


def test_going_on_in_pieces_is_going_on_at_once(finished: Path, tmp_path: Path) -> None:
    """A run that was lengthened before its end is the longer run, where the rate is constant."""
    import shutil

    longer = replace(STAGE, epochs=2, schedule="constant", warmup=1)
    shutil.copytree(finished, tmp_path / "whole")
    for folder in (finished, tmp_path / "whole"):
        shutil.rmtree(folder / "run")
    start(tmp_path / "whole", stage=(longer,)).go()
    start(finished, stage=(replace(longer, epochs=1),)).go()
    start(finished, stage=(longer,)).go()
    one, two = (
        torch.load(folder / "run" / "checkpoint.pt", weights_only=True)["trainer"]["average"]
        for folder in (finished, tmp_path / "whole")
    )
    assert all(torch.equal(one[key], two[key]) for key in one)


def test_what_cannot_be_gone_on_with_says_how_to_and_that_works(finished: Path) -> None:
    from steadypose.export.weights.state_dict import load_weights
    from training.runs.run import Begin, Run

    stage = replace(STAGE, optimizer="adam")
    with pytest.raises(UsageError, match="stage 1 optimizer adamw, now adam") as kept:
        start(finished, stage=(stage,)).go()
    checkpoint = finished / "run" / "checkpoint.pt"
    assert f"--weights {checkpoint} --out NEW" in str(kept.value)
    run = Run(
        config_of(finished, stage=(stage,)), root=finished, out=finished / "new",
        device=torch.device("cpu"), workers=0, is_quiet=True, begin=Begin(weights=checkpoint),
    )  # fmt: skip
    assert any("averaged weights of the checkpoint" in note for note in run.notes)
    begun, wanted = run._first.state_dict(), load_weights(finished / "run" / "weights.pt")
    assert all(torch.allclose(begun[k].float(), wanted[k].float(), atol=1e-3) for k in wanted)


def test_a_stage_is_not_made_shorter_than_it_has_learnt(finished: Path) -> None:
    with pytest.raises(UsageError, match=r"learnt 2 steps already, and epochs 0\.5 are 1"):
        start(finished, stage=(replace(STAGE, epochs=0.5),)).go()


def test_a_loss_that_is_no_number_gives_advice_that_works(finished: Path) -> None:
    wild = start(finished, stage=(replace(STAGE, rate=1e12, epochs=4),))
    wild._checkpoint = finished / "run" / "other.pt"
    with pytest.raises(EngineError, match=r"lower rate in the config$"):
        wild.go()
    again = start(finished, stage=(replace(STAGE, rate=1e12, epochs=4),))
    again._checkpoint = finished / "run" / "third.pt"
    again._learn = _with_checkpoint(again)
    with pytest.raises(EngineError, match=r"lower rate in the config: --weights .*third\.pt"):
        again.go()


def _with_checkpoint(run: Any) -> Any:
    real = run._learn

    def learn(trainer: Any, batch: Any) -> float:
        run._checkpoint.write_bytes(b"")
        value: float = real(trainer, batch)
        return value

    return learn


def test_weights_that_are_no_numbers_begin_nothing(finished: Path) -> None:
    from training.runs.run import Begin, Run

    file = finished / "bad.pt"
    state = torch.load(finished / "run" / "weights.pt", weights_only=True)
    state["conv1.weight"][0] = float("nan")
    torch.save(state, file)
    with pytest.raises(ModelFileError, match=r"not finite, in conv1\.weight"):
        Run(
            config_of(finished), root=finished, out=finished / "new", workers=0,
            device=torch.device("cpu"), begin=Begin(weights=file),
        )  # fmt: skip


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EROFS])
@pytest.mark.parametrize("where", ["checkpoint", "log", "pictures"])
def test_a_disk_that_refuses_is_a_sentence_and_leaves_nothing(
    finished: Path, monkeypatch: pytest.MonkeyPatch, where: str, code: int
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise OSError(code, "no")

    before = (finished / "run" / "checkpoint.pt").read_bytes()
    (finished / "run" / "log.csv").unlink()  # the epoch is measured again
    if where == "checkpoint":
        monkeypatch.setattr(torch, "save", refuse)
    elif where == "log":
        monkeypatch.setattr("training.runs.progress.Log.write", refuse)
    else:
        monkeypatch.setattr("training.runs.after_epoch.draw_curve", refuse)
    full = code != errno.EROFS
    with pytest.raises(RecordError, match="the disk is full.* MB" if full else "cannot write"):
        start(finished).go()
    assert not list((finished / "run").glob("*.part"))
    assert (finished / "run" / "checkpoint.pt").read_bytes() == before


def test_torchs_own_error_about_a_full_disk_is_understood(tmp_path: Path) -> None:
    from training.runs.checkpoints import save_checkpoint, writing

    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("needs /dev/full")
    with pytest.raises(RecordError, match="the disk is full"):
        save_checkpoint({"a": torch.zeros(100000)}, full)
    with pytest.raises(RuntimeError, match="a bug"), writing(tmp_path / "x"):
        raise RuntimeError("a bug")


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_batches_need_no_shared_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A container has 64 MB of it; torch then loses the batch, and waits for ever."""
    from torch.multiprocessing import reductions

    from training.datasets.coco import CocoDataset
    from training.examples.augment import Augment
    from training.examples.batches import Batches, load_batches

    def refuse(*_: Any) -> None:
        raise AssertionError("a tensor goes through shared memory")

    for name in ("reduce_tensor", "reduce_storage"):
        monkeypatch.setattr(reductions, name, refuse)
    from multiprocessing.reduction import ForkingPickler

    reducers = ForkingPickler._extra_reducers  # type: ignore[attr-defined]

    for kind in (torch.Tensor, torch.UntypedStorage):
        monkeypatch.setitem(reducers, kind, refuse)
    data = CocoDataset(coco_file(tmp_path, count=8))
    batches = Batches(
        [data], shares=[1], batch=4, size_hw=(64, 64), padding=1.25, augment=Augment(), seed=0,
        has_clean=True,
    )  # fmt: skip
    near = list(load_batches(batches, first=0, last=3, workers=0))
    far = list(load_batches(batches, first=0, last=3, workers=2))
    for a, b in zip(near, far, strict=True):
        assert torch.equal(a.crops, b.crops)
        assert torch.equal(a.xy, b.xy)
        assert a.clean is not None
        assert b.clean is not None
        assert torch.equal(a.clean, b.clean)


BARE = """
import sys
for name in ("onnx", "tqdm", "matplotlib", "scipy", "pycocotools", "av"):
    sys.modules[name] = None
from training.train import main
sys.exit(main(sys.argv[1:]))
"""


def test_a_machine_with_torch_numpy_and_opencv_alone_trains(tmp_path: Path) -> None:
    import subprocess
    import sys

    from steadypose.realtime.model.places import ROOT

    coco_file(tmp_path, count=4)
    (tmp_path / "c.toml").write_text(
        'name = "a"\n[network]\ndeconv = [16, 16, 16]\n[[train]]\nkind = "coco"\n'
        'annotations = "labels.json"\n[[validate]]\nkind = "coco"\nannotations = "labels.json"\n'
        "[[stage]]\ninput = [32, 32]\nepochs = 1\nbatch = 4\n"
    )
    given = ["--config", str(tmp_path / "c.toml"), "--out", str(tmp_path / "run")]

    def train(*more: str) -> Any:
        words = [sys.executable, "-c", BARE, *given, "--workers", "0", *more]
        return subprocess.run(words, cwd=ROOT, check=False, capture_output=True, text=True)

    done = train()
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "run" / "weights.pt").is_file()
    assert (tmp_path / "run" / "grid.png").is_file()
    refused = train("--weights", "models/pose_resnet18_224x192.onnx")
    assert refused.returncode == 2
    assert "needs onnx, which is not installed" in refused.stderr
