"""Scores that mean something: what is fitted, to whom, and what is said of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

pytestmark = pytest.mark.export
torch: Any = pytest.importorskip("torch")


def evidence(numbers: tuple[float, float, float], *, seed: int, count: int = 6000) -> Any:
    """Keypoints that are right as often as the numbers say."""
    from training.calibrate import Evidence

    rng = np.random.default_rng(seed)
    logits = np.column_stack((rng.normal(0, 2, (count, 2)), np.ones(count)))
    probability = 1 / (1 + np.exp(-logits @ np.array(numbers)))
    right = (rng.random(count) < probability).astype(np.float64)
    return Evidence(logits, right, np.arange(count))


def test_the_numbers_that_made_the_evidence_are_found_again() -> None:
    from training.calibrate import fit

    wanted = (1.2, 0.4, -0.7)
    sets = {name: evidence(wanted, seed=n) for n, name in enumerate(("people", "lspet"))}
    np.testing.assert_allclose(fit(sets), wanted, atol=0.1)


def test_the_table_says_how_often_keypoints_of_a_score_are_right() -> None:
    from training.calibrate import Evidence, reliability_table

    logits = np.column_stack((np.full(4, np.log(0.75 / 0.25)), np.zeros(4), np.ones(4)))
    people = Evidence(logits, np.array([1.0, 1.0, 1.0, 0.0]), np.arange(4))
    lspet = Evidence(logits, np.array([1.0, 0.0, 0.0, 0.0]), np.arange(4))
    lines = reliability_table({"people": people, "lspet": lspet}, np.array([1.0, 0.0, 0.0]))
    assert lines[2 + 7] == "| 0.7 to 0.8 | 0.75 (4) | 0.25 (4) | 0.50 |"
    assert lines[2 + 3] == "| 0.3 to 0.4 | - | - | - |"


def test_people_of_one_picture_and_frames_of_one_clip_stay_in_one_half() -> None:
    from training.calibrate import _picture

    assert _picture("oi_abc_0.jpg", 3).tolist() == _picture("oi_abc_2.jpg", 3).tolist()
    assert _picture("desk_9_image1_0.jpg", 1)[0] == _picture("desk_7_image300_1.jpg", 1)[0]
    several = {int(_picture(f"{n:05d}.jpg", 1)[0]) % 2 for n in range(9001, 9020)}
    assert several == {0, 1}


def test_the_widest_strip_beside_somebody_has_the_crops_shape() -> None:
    from training.calibrate import _widest_strip

    image = np.zeros((200, 300, 3), np.uint8)
    image[:, :150] = 255
    strip = _widest_strip(image, np.array((160, 10, 290, 190), np.float32), 0.75)
    assert strip is not None
    assert strip.min() == 255  # beside the person, on the left
    assert strip.shape[1] / strip.shape[0] == pytest.approx(0.75, abs=0.02)
    assert _widest_strip(image, np.array((5, 5, 290, 190), np.float32), 0.75) is None
    assert _widest_strip(image, np.full(4, np.nan, np.float32), 0.75) is None


def write_packs(folder: Path) -> None:
    """The two packs, as small as they may be, of mannequins."""
    import io
    import tarfile

    from training.datasets.mannequin import MannequinDataset
    from training.datasets.pack import HELD_OUT

    people = HELD_OUT.read_text().splitlines()
    for stem, names in (("people", people), ("lspet", [f"{n:05d}.jpg" for n in range(9001, 9041)])):
        data = MannequinDataset(count=5)
        keypoints = np.zeros((len(names), 17, 3), np.float32)
        with tarfile.open(folder / f"{stem}.tar", "w") as archive:
            for row, name in enumerate(names):
                sample = data.sample(row % 5)
                keypoints[row, :, :2] = sample.xy
                keypoints[row, :, 2] = 2 if stem == "lspet" else 1
                wide = cv2.copyMakeBorder(sample.image_bgr, 0, 0, 0, 200, cv2.BORDER_REPLICATE)
                _, encoded = cv2.imencode(".jpg", wide)
                entry = tarfile.TarInfo(name)
                entry.size = len(encoded)
                archive.addfile(entry, io.BytesIO(encoded.tobytes()))
        table: dict[str, Any] = {"image": np.array(names), "keypoints": keypoints}
        if stem == "people":
            table["teacher_score"] = np.full((len(names), 17), 0.7, np.float32)
        np.savez(folder / f"{stem}_labels.npz", **table)


@pytest.mark.slow
def test_the_command_prints_numbers_and_what_comes_of_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from steadypose.realtime.model.places import POSE_RESNET, QUALITIES
    from training.calibrate import main

    write_packs(tmp_path)
    output = tmp_path / "scores.md"
    given = ["--data", str(tmp_path), "--output", str(output)]
    assert main([str(QUALITIES["fast"]), *given]) == 0
    said = capsys.readouterr().out
    assert "fitted: --score " in said
    assert "movenet_lightning_192x128" in said
    assert said.count("| 0.9 to 1.0 |") == 2
    assert output.read_text().strip() == said.strip()
    assert main([str(POSE_RESNET), *given]) == 2
    assert "is no MoveNet with its recipe" in capsys.readouterr().err


def test_every_network_of_a_quality_is_calibrated() -> None:
    from steadypose.engines.model_file import read_metadata
    from steadypose.export.weights.recipe import RECIPE_KEY
    from steadypose.realtime.model.places import QUALITIES

    for path in QUALITIES.values():
        recipe = json.loads(read_metadata(path)[RECIPE_KEY])["recipe"]
        assert recipe["score"][1] > 0, path.name
