"""The GPU benchmark's own logic, on a made-up GPU."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.gpu import __main__ as gpu
from benchmarks.gpu.measuring import measure
from benchmarks.gpu.models import PRECISIONS, is_prepared
from benchmarks.gpu.table import to_table
from steadypose.engines.skeleton import COCO17
from steadypose.engines.spec import ModelSpec


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What ``prepare`` leaves, made small by hand."""
    spec = ModelSpec("pose_resnet", COCO17, (64, 48), decoder="none")
    names = {f"18 {precision}": ["a"] for precision in PRECISIONS}
    manifest = {"spec": asdict(spec), "convolutions": names}
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    np.save(tmp_path / "crops.npy", np.zeros((9, 64, 48, 3), np.uint8))
    np.save(tmp_path / "wanted18.npy", np.ones((9, 17, 3), np.float32))
    monkeypatch.setattr(gpu, "FOLDER", tmp_path)
    for name in ("pycuda", "pycuda.driver"):
        monkeypatch.setitem(sys.modules, name, None)  # put back afterwards
    return tmp_path


def test_it_runs_end_to_end_and_says_that_nothing_is_real(folder: Path) -> None:
    saved: list[dict[str, Any]] = []
    found = gpu.run(gpu.fake_gpu(), depths=(18,), rounds=2, save=saved.append)
    assert [entry["precision"] for entry in found["results"]] == ["fp32", "fp16", "int8"]
    assert not any("error" in entry for entry in found["results"])
    assert [row["batch"] for row in found["results"][0]["latency"]] == [1, 2, 4, 8]
    assert len(saved) == 3
    text = to_table(found)
    assert text.startswith("MADE-UP GPU, NO FIGURE BELOW MEANS ANYTHING")
    assert text.count("| PoseResNet-18 |") == 12
    assert folder.exists()


def test_one_failure_is_recorded_and_the_rest_goes_on(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = measure
    calls: list[int] = []

    def failing(*arguments: Any, **more: Any) -> Any:
        calls.append(1)
        if len(calls) == 1:
            raise TypeError("pybind11::init(): factory function returned nullptr")
        return real(*arguments, **more)

    monkeypatch.setattr(gpu, "measure", failing)
    found = gpu.run(gpu.fake_gpu(), depths=(18,), rounds=1, save=lambda _: None)
    assert "nullptr" in found["results"][0]["error"]
    assert "latency" in found["results"][1]
    assert "nullptr" in to_table(found)
    assert not is_prepared(folder, (18,))  # the graphs themselves are not there
