"""MoveNet's maps: targets that labels correct, and a run that learns them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from steadypose.engines.errors import UsageError
from training.config import DataConfig, NetworkConfig, StageConfig, TeacherConfig, TrainConfig
from training.examples.augment import Augment, end_frame

pytestmark = pytest.mark.export
torch: Any = pytest.importorskip("torch")
pytest.importorskip("matplotlib")

GRID_HW = (16, 12)


def teacher_heads(cells: list[tuple[int, int]]) -> Any:
    """A teacher that sees keypoint k of one person, in the middle, at (row, column) k."""
    from steadypose.export.models.movenet import Heads

    h, w = GRID_HW
    k = len(cells)
    heatmap = torch.full((1, k, h, w), -7.0)
    center = torch.full((1, 1, h, w), -7.0)
    center[0, 0, h // 2, w // 2] = 2.0
    regress, offset = torch.zeros(1, 2 * k, h, w), torch.full((1, 2 * k, h, w), 0.5)
    for n, (y, x) in enumerate(cells):
        heatmap[0, n, y, x] = 2.0
        regress[0, 2 * n, h // 2, w // 2] = y - h // 2
        regress[0, 2 * n + 1, h // 2, w // 2] = x - w // 2
    return Heads(heatmap, center, regress, offset)


def targets_for(
    xy: list[tuple[float, float]], *, is_known: list[bool], is_by_people: bool = False
) -> Any:
    from training.runs.head_targets import head_targets

    points = torch.tensor([xy])
    known = torch.tensor([is_known])
    return head_targets(
        teacher_heads([(4, 5), (10, 6)]),
        points,
        known,
        known & is_by_people,
        torch.tensor([20.0]),
        stride=4,
    )


def decoded(targets: Any) -> Any:
    from steadypose.export.models.center_decoding import DecodeCenter
    from steadypose.export.models.movenet import Heads

    n, k, _, h, w = targets.offset.shape
    logits = (torch.logit(p.clamp(1e-4, 1 - 1e-4)) for p in (targets.heatmap, targets.center))
    heads = Heads(*logits, *(t.reshape(n, 2 * k, h, w) for t in (targets.regress, targets.offset)))
    return DecodeCenter(keypoints=k, grid_hw=GRID_HW, stride=4)(heads)[0, :, :2]


def test_where_teacher_and_label_agree_the_teachers_maps_stand() -> None:
    taught = teacher_heads([(4, 5), (10, 6)])
    targets = targets_for([(22.5, 17.0), (26.0, 41.0)], is_known=[True, True])
    torch.testing.assert_close(targets.heatmap, taught.heatmap.sigmoid())
    torch.testing.assert_close(targets.offset.flatten(1, 2), taught.offset)
    torch.testing.assert_close(targets.regress.flatten(1, 2), taught.regress)


@pytest.mark.parametrize("is_by_people", [False, True])
def test_a_label_that_contradicts_the_teacher_is_where_the_maps_then_say(
    *, is_by_people: bool
) -> None:
    label = (38.5, 10.25)  # 20 pixels of torso: the teacher's 21.5, 17.5 is far off
    targets = targets_for([label, (26.0, 41.0)], is_known=[True, True], is_by_people=is_by_people)
    np.testing.assert_allclose(decoded(targets)[0], label, atol=1e-4)
    second = (26.0, 41.0) if is_by_people else (25.5, 41.5)  # the teacher's, which is near
    np.testing.assert_allclose(decoded(targets)[1], second, atol=1e-4)
    assert float(targets.heatmap[0, 0, 4, 5]) < 0.1  # hardly where the teacher saw it
    assert float(targets.weight[0, 0, 4, 5]) == 1.0  # and that counts


def test_a_neighbour_whom_the_teacher_sees_is_no_mistake_beside_peoples_label() -> None:
    from training.runs.head_targets import head_targets

    taught = teacher_heads([(4, 5), (10, 6)])
    taught.heatmap[0, 1, 12, 1] = 1.0  # somebody else's
    xy, yes = torch.tensor([[(22.5, 17.0), (26.0, 41.0)]]), torch.ones(1, 2, dtype=torch.bool)
    targets = head_targets(taught, xy, yes, yes, torch.tensor([20.0]), stride=4)
    assert float(targets.weight[0, 1, 12, 1]) == 0.0
    assert float(targets.weight[0, 1, 10, 6]) == 1.0
    assert float(targets.weight[0, 1].sum()) == 16 * 12 - 1


def test_unknown_keypoints_and_labels_beyond_the_crop_correct_nothing() -> None:
    taught = teacher_heads([(4, 5), (10, 6)])
    for label, is_known in (((38.5, 10.0), False), ((-1e4, -1e4), True)):
        targets = targets_for([label, (26.0, 41.0)], is_known=[is_known, True])
        torch.testing.assert_close(targets.heatmap, taught.heatmap.sigmoid())


def test_the_loss_is_nothing_at_the_targets_and_grows_with_every_map() -> None:
    from steadypose.export.models.movenet import Heads
    from training.runs.losses import heads_loss

    taught = teacher_heads([(4, 5), (10, 6)])
    targets = targets_for([(22.5, 17.0), (26.0, 41.0)], is_known=[True, True])
    assert float(heads_loss(taught, targets)) == pytest.approx(0.0, abs=1e-4)
    for name in Heads._fields:
        moved = taught._replace(**{name: getattr(taught, name) + 0.5})
        assert float(heads_loss(moved, targets)) > 0.01, name


def config(teacher: Path, **changes: Any) -> TrainConfig:
    mannequin = DataConfig("mannequin", options={"count": 16})
    return TrainConfig(
        name="small",
        train=(mannequin,),
        validate=(DataConfig("mannequin", options={"count": 4, "seed": 9}),),
        stage=(StageConfig(input=(64, 64), epochs=2, batch=8, rate=1e-3, warmup=1),),
        network=NetworkConfig("movenet_lightning", frozen=2),
        augment=Augment(edge=0.5),
        teacher=TeacherConfig(str(teacher), kind="movenet_lightning"),
        **changes,
    )


def test_a_run_learns_maps_and_leaves_frozen_layers_alone(tmp_path: Path) -> None:
    from steadypose.export.models.registry import make_network
    from steadypose.export.weights.recipe import find_recipe
    from steadypose.export.weights.state_dict import load_weights
    from training.runs.run import Begin, Run

    teacher = tmp_path / "teacher.pt"
    torch.save(make_network("movenet_lightning", keypoints=17, seed=3).state_dict(), teacher)
    out = tmp_path / "run"
    run = Run(
        config(teacher),
        root=tmp_path,
        out=out,
        device=torch.device("cpu"),
        workers=0,
        is_quiet=True,
        begin=Begin(weights=teacher),
    )
    assert 0.0 <= run.go() <= 1.0
    before, after = load_weights(teacher), load_weights(out / "weights.pt")
    half = before["stem.conv.weight"].half().float()
    torch.testing.assert_close(after["stem.conv.weight"], half, rtol=0, atol=0)
    assert not torch.equal(
        after["heatmap.predict.conv.bias"], before["heatmap.predict.conv.bias"].half().float()
    )
    origin = find_recipe(out / "weights.pt")
    assert origin is not None
    assert origin.recipe.mean == (0.5, 0.5, 0.5)


def test_without_a_teacher_there_is_a_sentence() -> None:
    made = config(Path("teacher.pt"))
    with pytest.raises(UsageError, match="movenet_lightning learns from a teacher's maps"):
        TrainConfig(made.name, made.train, made.validate, made.stage, network=made.network)
    with pytest.raises(UsageError, match="gives other heads than movenet_lightning"):
        TrainConfig(
            *(made.name, made.train, made.validate, made.stage),
            network=made.network,
            teacher=TeacherConfig("x.pt", kind="pose_resnet18"),
        )
    with pytest.raises(UsageError, match="pose_resnet18 has no frozen"):
        NetworkConfig("pose_resnet18", frozen=1)


def test_a_frame_that_ends_blackens_what_lies_beyond_and_says_which_keypoints() -> None:
    rng = np.random.default_rng(2)
    seen = set()
    for _ in range(60):
        crop = np.full((40, 30, 3), 200, np.uint8)
        xy = np.array([(x, y) for x in (1, 15, 28) for y in (1, 20, 38)], np.float32)
        beyond = end_frame(crop, xy, Augment(edge=1.0), rng)
        is_black = crop[xy[:, 1].astype(int), xy[:, 0].astype(int), 0] == 0
        assert (is_black == beyond).all()
        assert (crop == 0).any()
        assert beyond.sum() < 9
        seen |= {tuple(xy[k]) for k in np.flatnonzero(beyond)}
    assert {(1.0, 20.0), (28.0, 20.0), (15.0, 1.0), (15.0, 38.0)} <= seen
    untouched = np.full((40, 30, 3), 200, np.uint8)
    assert not end_frame(untouched, xy, Augment(edge=0.0), rng).any()
    assert (untouched == 200).all()


def test_two_trainings_are_averaged(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from steadypose.export.models.registry import make_network
    from steadypose.export.weights.recipe import Recipe
    from steadypose.export.weights.state_dict import load_weights
    from training.mix import main

    paths = []
    for seed in (1, 2):
        path = tmp_path / f"{seed}.pt"
        torch.save(make_network("movenet_lightning", keypoints=17, seed=seed).state_dict(), path)
        paths.append(path)
    given = [str(path) for path in paths]
    out = tmp_path / "mixed.pt"
    assert main([*given, "--out", str(out)]) == 2
    assert "has no recipe" in capsys.readouterr().err
    Recipe("movenet_lightning", input_hw=(64, 64)).save(paths[0], name="one", source="a test")
    assert main([*given, "--share", "0.25", "--out", str(out)]) == 0
    one, two, mixed = (load_weights(path)["stem.conv.weight"] for path in (*paths, out))
    torch.testing.assert_close(mixed, 0.75 * one + 0.25 * two, atol=1e-3, rtol=1e-3)
    assert main([*given, "--share", "1.5", "--out", str(out)]) == 2
    torch.save(make_network("movenet_thunder", keypoints=17).state_dict(), paths[1])
    assert main([*given, "--out", str(out)]) == 2
    assert "of different networks" in capsys.readouterr().err
