"""The model files that ship, as somebody who has just cloned them meets them."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from steadypose.engines.model_file import read_metadata, read_spec
from steadypose.engines.options import EngineOptions
from steadypose.engines.registry import open_engine
from steadypose.engines.skeletons.people import COCO17
from steadypose.realtime.datatypes import BBox, Frame
from steadypose.realtime.model.places import (
    DEFAULT_MODEL,
    DEFAULT_QUALITY,
    POSE_RESNET,
    QUALITIES,
    SHIPPED,
)
from steadypose.realtime.sources.demo import DemoScene
from steadypose.realtime.tracking.crop import cut, place_crop
from steadypose.realtime.tracking.pipeline import Pipeline
from training.measures.metrics import pck, relative_error, torso_px

every_file = pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
FRAMES = (0, 60, 150)


def demo_crops(path: Path) -> NDArray[np.uint8]:
    """The mannequin of three frames, cut out as the app cuts it."""
    spec, scene = read_spec(path), DemoScene()
    crops = np.empty((len(FRAMES), *spec.input_hw, 3), np.uint8)
    for index, crop in zip(FRAMES, crops, strict=True):
        truth = scene.truth(index)[0]
        box = BBox(*truth.min(0).tolist(), *truth.max(0).tolist())
        place = place_crop(box, size_hw=spec.input_hw, padding=spec.box_padding)
        cut(scene.draw(index), place, crop)
    return crops


def answers(path: Path, backend: str) -> NDArray[np.float32]:
    # In float32: "auto" is bf16 where that is faster, which moves keypoints by a pixel.
    options = EngineOptions(precision="fp32", threads=1)
    engine = open_engine(path, backend=backend, options=options).engine
    try:
        central = engine.infer(demo_crops(path))
        return np.concatenate((central[:, None], engine.others), axis=1)
    finally:
        engine.close()


@pytest.mark.slow
@every_file
def test_a_shipped_file_says_the_same_on_both_backends(path: Path) -> None:
    pytest.importorskip("openvino")
    pytest.importorskip("onnxruntime")
    one, other = answers(path, "openvino"), answers(path, "onnxruntime")
    is_seen = other[..., 2] > 0.3
    assert is_seen[:, 0].mean() > 0.8
    assert np.linalg.norm(one[..., :2] - other[..., :2], axis=-1)[is_seen].max() < 0.5
    np.testing.assert_allclose(one[..., 2], other[..., 2], atol=0.01)


@every_file
def test_a_shipped_file_is_what_its_name_says(path: Path) -> None:
    spec = read_spec(path)
    size = re.fullmatch(r"(\w+)_(\d+)x(\d+)", path.stem)
    assert size is not None
    assert spec.name == path.stem
    assert spec.input_hw == (int(size[2]), int(size[3]))
    assert spec.keypoint_count == 17
    assert spec.skeleton.keypoints == COCO17.keypoints
    assert spec.box_padding == 1.35


@every_file
def test_a_shipped_file_can_be_trained_further_from_its_own_recipe(path: Path) -> None:
    spec = read_spec(path)
    recipe = json.loads(read_metadata(path)["steadypose.recipe"])["recipe"]
    assert path.stem.startswith(recipe["network"])
    assert tuple(recipe["input_hw"]) == spec.input_hw
    assert recipe["padding"] == spec.box_padding
    assert (tuple(recipe["mean"]), tuple(recipe["std"])) == (spec.mean, spec.std)
    assert recipe["colour"] == spec.colour
    assert tuple(recipe["skeleton"]["keypoints"]) == spec.skeleton.keypoints


def test_the_default_is_one_of_the_qualities_and_every_quality_ships() -> None:
    assert QUALITIES[DEFAULT_QUALITY] == DEFAULT_MODEL
    assert list(QUALITIES) == ["fast", "balanced", "best"]
    assert {*QUALITIES.values(), POSE_RESNET} == set(SHIPPED)
    assert all(path.is_file() for path in SHIPPED)


@pytest.mark.slow
def test_the_default_finds_the_mannequin_of_the_demo() -> None:
    """As the demo starts: nobody told where it is, half a second of frames."""
    scene = DemoScene()
    engine = open_engine(DEFAULT_MODEL, backend="auto", options=EngineOptions()).engine
    pipeline = Pipeline(engine)
    for index in range(15):
        poses = pipeline.process(Frame(scene.draw(index), index, index / scene.fps, 0.0))
    engine.close()
    assert len(poses) == 1
    truth, labels = scene.truth(14), np.ones((1, 17), bool)
    torso = torso_px(truth, labels, COCO17)
    for found in (poses[0].raw_xy, poses[0].xy):
        assert pck(relative_error(found[None], truth, torso), labels, 0.2) >= 16 / 17
