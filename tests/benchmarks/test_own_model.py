"""The benchmarks of the loop for a network of one's own, with names nobody knows."""

from __future__ import annotations

import importlib
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from steadypose.engines.model_file import read_spec
from steadypose.engines.skeletons.skeleton import Skeleton
from steadypose.engines.spec import METADATA_KEY
from steadypose.realtime.model.places import QUALITIES
from steadypose.realtime.record.video import VideoSink
from steadypose.realtime.sources.demo import DemoScene

pytestmark = [pytest.mark.export, pytest.mark.slow]


@pytest.fixture(scope="module")
def own_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network that finds people, and calls them something else."""
    for needed in ("torch", "openvino"):
        pytest.importorskip(needed)
    onnx = pytest.importorskip("onnx")
    source = QUALITIES["fast"]
    spec = read_spec(source)
    was = spec.skeleton
    names = tuple(f"part_{k}" for k in range(len(was)))
    beast = Skeleton("beast", names, was.limbs, was.flip_pairs, was.sigmas)
    model = onnx.load(source)
    for entry in model.metadata_props:
        if entry.key == METADATA_KEY:
            entry.value = replace(spec, name="beast_192x128", skeleton=beast).to_json()
    path = tmp_path_factory.mktemp("own") / "beast.onnx"
    onnx.save(model, path)
    return path


@pytest.fixture
def film(tmp_path: Path) -> Path:
    """Less than a second of the demo."""
    scene, path = DemoScene(), tmp_path / "film.mp4"
    sink = VideoSink(path, fps=30)
    for n in range(20):
        sink.add((partial(scene.draw, n), n / 30))
    sink.close()
    return path


def said_by(
    name: str, own_model: Path, monkeypatch: pytest.MonkeyPatch, *words: str, **smaller: int
) -> None:
    module = importlib.import_module(f"benchmarks.loop.{name}")
    for key, value in smaller.items():
        monkeypatch.setattr(module, key, value)
    monkeypatch.setattr(sys, "argv", [name, "--model", str(own_model), *words])
    module.main()


def test_backends_are_compared_for_a_network_of_ones_own(
    own_model: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from benchmarks.loop import backends

    whole = backends.real_crops
    monkeypatch.setattr(backends, "real_crops", lambda _, videos, model: whole(8, videos, model))
    monkeypatch.setattr(backends, "usable_cpus", lambda: 1)
    said_by("backends", own_model, monkeypatch, ROUNDS=1, CALLS=1, LEAST=8)
    said = capsys.readouterr().out
    assert "beast_192x128, 8 crops of demo" in said
    assert "| openvino fp32, 1 threads | " in said


def test_the_cost_of_the_loop_is_measured_for_a_network_of_ones_own(
    own_model: Path,
    film: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    said_by("cost", own_model, monkeypatch, "--video", str(film), ROUNDS=1)
    said = capsys.readouterr().out
    assert "beast_192x128 on " in said
    assert "| loop on the file, frames a second |" in said
