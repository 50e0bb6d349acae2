"""What the commands of training write: known as ours again, and nothing of others replaced."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from steadypose.engines.errors import EngineError, UsageError
from steadypose.realtime.command.own_files import is_ours
from steadypose.realtime.model.places import POSE_RESNET
from tests.support.drawn import look_at
from tests.support.drawn import write_picture as plain
from tests.training.made_up import NAMES, coco_file

CONFIG = """
name = "arrow"
[network]
deconv = [8, 8, 8]
[[train]]
kind = "coco"
annotations = "labels.json"
[[stage]]
input = [64, 64]
epochs = 1
batch = 2
[[validate]]
kind = "coco"
annotations = "labels.json"
"""
pytestmark = pytest.mark.export
pytest.importorskip("torch")
pytest.importorskip("matplotlib")


@pytest.mark.parametrize("end", [".jpg", ".png"])
def test_a_picture_of_ours_is_known_again_and_still_a_picture(tmp_path: Path, end: str) -> None:
    from training.runs.progress import write_picture

    image = np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8)
    ours, theirs = tmp_path / f"a{end}", tmp_path / f"b{end}"
    write_picture(image, ours)
    plain(theirs, image)
    assert (is_ours(ours), is_ours(theirs)) == (True, False)
    np.testing.assert_array_equal(look_at(ours), look_at(theirs))


@pytest.mark.parametrize("option", ["--output", "--sheet", "--results"])
def test_evaluate_replaces_nothing_of_others(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], option: str
) -> None:
    from training.evaluate import main

    labels = coco_file(tmp_path, count=2)
    theirs = tmp_path / "theirs.jpg"
    theirs.write_text("theirs")
    words = [str(POSE_RESNET), "--coco", str(labels), option, str(theirs)]
    assert main(words) == 2
    assert "no run of steadypose wrote it" in capsys.readouterr().err
    assert theirs.read_text() == "theirs"


@pytest.mark.parametrize("step", ["_datasets", "check_places", "measure"])
def test_evaluate_closes_its_engine_whatever_breaks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], step: str
) -> None:
    import training.evaluate as command

    opened: list[Any] = []
    real = command.open_any

    def kept(*arguments: Any, **options: Any) -> Any:
        opened.append(real(*arguments, **options))
        return opened[-1]

    def refuse(*_: object, **__: object) -> None:
        raise UsageError("it breaks", fix="wait")

    monkeypatch.setattr(command, "open_any", kept)
    monkeypatch.setattr(command, "_datasets", lambda *_: [SimpleNamespace(name="arrows")])
    monkeypatch.setattr(command, "check_places", lambda *_: None)
    monkeypatch.setattr(command, step, refuse)
    labels = coco_file(tmp_path, count=2)
    assert command.main([str(POSE_RESNET), "--coco", str(labels)]) == 2
    assert "it breaks" in capsys.readouterr().err
    (engine,) = opened
    with pytest.raises(EngineError, match="closed"):
        engine.infer(np.zeros((1, *engine.spec.input_hw, 3), np.uint8))


def test_check_replaces_its_own_sheet_and_nothing_of_others(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from training.check import main

    labels, sheet = coco_file(tmp_path, count=2), tmp_path / "s.jpg"
    words = ["--coco", str(labels), "--sheet", str(sheet)]
    assert [main(words), main(words)] == [0, 0]
    plain(sheet, np.zeros((9, 9, 3), np.uint8))
    assert main(words) == 2
    assert "no run of steadypose wrote it" in capsys.readouterr().err
    assert main([*words, "--force"]) == 0


def as_ours(labels: Path) -> Path:
    """A picture of a data set, as the made-up animal's are: written by this program."""
    from training.runs.progress import write_picture

    picture = labels.parent / "0.png"
    image = look_at(picture)
    assert image is not None
    write_picture(image, picture)
    return picture


def test_no_picture_that_is_read_is_drawn_over(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from training.check import main as check
    from training.evaluate import main as evaluate

    labels = coco_file(tmp_path / "d", count=3)
    picture = as_ours(labels)
    before = picture.read_bytes()
    other = tmp_path / "link.png"
    other.symlink_to(picture)
    assert check(["--coco", str(labels), "--sheet", str(picture)]) == 2
    assert "would be destroyed" in capsys.readouterr().err
    assert check(["--coco", str(labels), "--sheet", str(other), "--force"]) == 2
    weights = untrained(tmp_path)
    for option in ("--sheet", "--errors"):
        given = [str(weights), "--coco", str(labels), option, str(picture), "--force"]
        assert evaluate(given) == 2, option
        assert "would be destroyed" in capsys.readouterr().err
    assert picture.read_bytes() == before


def untrained(folder: Path) -> Path:
    """Weights for the arrow's skeleton, with their recipe."""
    import torch

    from steadypose.engines.skeletons.skeleton import Skeleton
    from steadypose.export.models.registry import make_network
    from steadypose.export.weights.recipe import Recipe

    limbs = ((0, 1), (0, 2), (0, 3))
    arrow = Skeleton("arrow", NAMES, limbs, ((1, 2),), (0.08,) * 4)
    recipe = Recipe(network="pose_resnet18", input_hw=(64, 64), deconv=(8, 8, 8), skeleton=arrow)
    network = make_network("pose_resnet18", keypoints=4, options=recipe.options, seed=0)
    torch.save(network.state_dict(), folder / "weights.pt")
    recipe.save(folder / "weights.pt", name="arrow", source="nobody")
    return folder / "weights.pt"


@pytest.mark.parametrize("name", ["grid.png", "grids/001.jpg"])
def test_no_picture_that_is_learnt_is_drawn_over(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    from training.train import main

    labels = coco_file(tmp_path, count=4)
    picture = tmp_path / name
    picture.parent.mkdir(exist_ok=True)
    (tmp_path / "0.png").rename(picture)
    labels.write_text(labels.read_text().replace("0.png", name))
    before = picture.read_bytes()
    (tmp_path / "c.toml").write_text(CONFIG)
    assert main(["--config", str(tmp_path / "c.toml"), "--out", str(tmp_path)]) == 2
    assert "would be destroyed" in capsys.readouterr().err
    assert picture.read_bytes() == before
    assert not (tmp_path / "checkpoint.pt").exists()


def test_two_trainings_do_not_share_a_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from steadypose.engines.foreign.claims import Claim
    from training.train import alone_in, main

    coco_file(tmp_path, count=4)
    (tmp_path / "c.toml").write_text(CONFIG)
    out = tmp_path / "run"
    out.mkdir()
    with alone_in(out):
        assert main(["--config", str(tmp_path / "c.toml"), "--out", str(out)]) == 2
        assert f"another training is running in {out}" in capsys.readouterr().err
    assert list(out.iterdir()) == []
    Claim(out / ".running").release()  # it is free again


def test_data_sets_of_one_name_get_a_picture_each(tmp_path: Path) -> None:
    from training.evaluate import main

    for number in (1, 2):
        coco_file(tmp_path / str(number), count=2, seed=number)
    two = "".join(f'[[validate]]\nkind = "coco"\nannotations = "{n}/labels.json"\n' for n in "12")
    (tmp_path / "c.toml").write_text(CONFIG.replace("labels.json", "1/labels.json") + two)
    weights = untrained(tmp_path)
    sheet = tmp_path / "worst.png"
    given = [str(weights), "--config", str(tmp_path / "c.toml"), "--sheet", str(sheet)]
    assert main(given) == 0
    made = {path.name for path in tmp_path.glob("worst*.png")}
    assert made == {"worst_labels_1.png", "worst_labels_2.png", "worst_labels_3.png"}


class Labelled(SimpleNamespace):
    """A data set of one person."""

    def __len__(self) -> int:
        return 1


def test_an_error_of_just_a_fifth_is_right_as_in_pck(monkeypatch: pytest.MonkeyPatch) -> None:
    """Scores are fitted to the same rule by which they are judged."""
    from training import calibrate

    xy = np.zeros((17, 2))
    sample = SimpleNamespace(
        name="1.jpg", image_bgr=None, bbox=None, xy=xy, is_known=np.ones(17, bool),
        is_counted=np.ones(17, bool),
    )  # fmt: skip
    monkeypatch.setattr(calibrate, "usable", lambda *_: [(0, sample)])
    frame = SimpleNamespace(to_frame=lambda found: found)
    monkeypatch.setattr(calibrate, "crop_of", lambda *_, **__: (np.zeros((4, 4, 3)), frame))
    monkeypatch.setattr(calibrate, "torso_px", lambda *_: np.array([1.0]))
    found = np.zeros((1, 17, 2))
    found[0, 0, 0], found[0, 1, 0] = 0.2, 0.2000001
    monkeypatch.setattr(calibrate, "relative_error", lambda a, *_: np.linalg.norm(a, axis=2))
    maps: Any = lambda crops: (found, np.zeros((1, 17, 3)))  # noqa: E731
    maps.recipe = SimpleNamespace(input_hw=(4, 4), padding=1.25)
    dataset: Any = Labelled(skeleton=None, teacher_score=lambda _: None)
    right = calibrate.of_people(maps, dataset).right
    assert right.tolist() == [1.0, 0.0, *[1.0] * 15]
