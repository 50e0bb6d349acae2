"""Training takes the skeleton that the config, its file or the command line says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from steadypose.engines.errors import UsageError
from steadypose.engines.skeletons.animals import AP10K17
from tests.training.made_up import NAMES, coco_file
from training.config import load_config

pytestmark = pytest.mark.export
pytest.importorskip("torch")
pytest.importorskip("matplotlib")

CONFIG = """
name = "arrows"
{top}
[network]
deconv = [16, 16, 16]
[[train]]
kind = "coco"
annotations = "labels.json"
[[validate]]
kind = "coco"
annotations = "labels.json"
[[stage]]
input = [32, 32]
epochs = 1
sigma = 1.0
batch = 4
{end}
"""
TURNED = f"""
[skeleton]
name = "turned"
keypoints = {list(reversed(NAMES))}
limbs = [["tip", "tail"]]
sigmas = [0.05, 0.06, 0.06, 0.07]
"""


def config(folder: Path, top: str = "", end: str = "") -> Path:
    path = folder / "c.toml"
    path.write_text(CONFIG.format(top=top, end=end))
    return path


def test_a_config_names_a_skeleton_or_holds_it(tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text(TURNED)
    assert load_config(config(tmp_path)).skeleton is None
    assert load_config(config(tmp_path, 'skeleton = "ap10k17"')).skeleton is AP10K17
    held = load_config(config(tmp_path, end=TURNED)).skeleton
    assert held is not None
    assert (held.name, held.flip_pairs) == ("turned", ((2, 1),))
    assert load_config(config(tmp_path, 'skeleton = "own.toml"')).skeleton == held
    for top, why in (('skeleton = "cat"', "'cat' is not known"), ("skeleton = 3", "not known")):
        with pytest.raises(UsageError, match=why):
            load_config(config(tmp_path, top))
    with pytest.raises(UsageError, match="has no 'keypoints'"):
        load_config(config(tmp_path, end='[skeleton]\nname = "x"'))


def test_a_run_learns_the_skeleton_that_was_chosen(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from steadypose.export.weights.recipe import find_recipe
    from training import train

    coco_file(tmp_path, count=8)
    table = tmp_path / "own.toml"
    table.write_text(TURNED)
    out = tmp_path / "run"
    words = ["--config", str(config(tmp_path)), "--workers", "0", "--quiet", "--threads", "1"]
    assert train.main([*words, "--out", str(out), "--skeleton", str(table)]) == 0
    origin: Any = find_recipe(out / "weights.pt")
    assert origin.recipe.skeleton.keypoints == tuple(reversed(NAMES))
    capsys.readouterr()
    # Another skeleton is another run, and the table is never written over.
    assert train.main([*words, "--out", str(out)]) == 2
    assert "belongs to another config" in capsys.readouterr().err
    assert train.main([*words, "--out", str(out), "--skeleton", "hand21"]) == 2
    assert "shares too few keypoint names" in capsys.readouterr().err
    linked = tmp_path / "taken" / "weights.json"
    linked.parent.mkdir()
    linked.write_text(TURNED)
    given = ["--skeleton", str(tmp_path / "taken" / "own.toml"), "--out", str(linked.parent)]
    (tmp_path / "taken" / "own.toml").hardlink_to(linked)
    assert train.main([*words, *given]) == 2
    assert linked.read_text() == TURNED
