"""Devices of OpenVINO other than the CPU: asked for by name, refused where they are missing."""

from __future__ import annotations

import importlib
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from steadypose.engines import registry
from steadypose.engines.errors import EngineError, EngineUnavailableError, UsageError
from steadypose.engines.options import EngineOptions
from steadypose.realtime.command.options.command_line import build_parser, to_settings
from steadypose.realtime.command.settings import Settings

pytest.importorskip("openvino", exc_type=ImportError)
devices = importlib.import_module("steadypose.engines.backends.openvino_device")

CPU = EngineOptions(precision="fp32", threads=1)


def crops(engine_hw: tuple[int, int], count: int = 3) -> Any:
    return np.random.default_rng(3).integers(0, 255, (count, *engine_hw, 3), np.uint8)


def answer(path: Path, options: EngineOptions) -> Any:
    engine = registry.open_engine(path, backend="openvino", options=options).engine
    found = engine.infer(crops(engine.spec.input_hw)).copy()
    assert engine.took_ms > 0
    engine.close()
    return found


def test_auto_computes_what_the_cpu_does(tiny_path: Path) -> None:
    wanted = answer(tiny_path, CPU)
    found = answer(tiny_path, replace(CPU, openvino_device="AUTO"))
    np.testing.assert_allclose(found, wanted, atol=1e-3)


def test_a_device_that_takes_one_crop_at_a_time_answers_for_each(
    tiny_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As an NPU does; here the CPU in its place."""
    wanted = answer(tiny_path, CPU)
    assert len(np.unique(wanted.round(3), axis=0)) > 1
    monkeypatch.setattr("steadypose.engines.backends.openvino_engine.ONE_BY_ONE", ("CPU",))
    np.testing.assert_allclose(answer(tiny_path, CPU), wanted, atol=1e-3)


def test_each_batch_size_is_prepared_once_and_answers_as_its_crops_do_alone(
    tiny_path: Path,
) -> None:
    engine: Any = registry.open_engine(tiny_path, backend="openvino", options=CPU).engine
    given = crops(engine.spec.input_hw, 11)
    wanted = np.concatenate([engine.infer(given[i : i + 1]).copy() for i in range(11)])
    for count in (1, 3, 2, 1, 3, 4, 5, 8, 9, 11):
        for first in range(12 - count):
            found = engine.infer(given[first : first + count])
            np.testing.assert_allclose(found, wanted[first : first + count], atol=1e-3)
    assert sorted(engine._lanes) == [1, 2, 3, 4], "memory for more crops is never taken"
    engine.close()


def test_a_device_that_is_missing_is_a_sentence_that_names_those_that_are_there(
    tiny_path: Path,
) -> None:
    with pytest.raises(EngineUnavailableError, match="no device NPU here, only CPU") as refused:
        registry.open_engine(
            tiny_path, backend="openvino", options=replace(CPU, openvino_device="NPU")
        )
    assert "--device CPU" in refused.value.fix


@pytest.mark.parametrize(
    ("device", "listed", "is_there"),
    [
        ("GPU", ["CPU", "GPU"], True),
        ("GPU", ["CPU", "GPU.0", "GPU.1"], True),
        ("GPU.1", ["CPU", "GPU.0", "GPU.1"], True),
        ("GPU.1", ["CPU", "GPU"], False),
        ("NPU", ["CPU", "GPU"], False),
        ("AUTO", ["CPU"], True),
    ],
)
def test_a_device_is_there_where_openvino_lists_it(
    device: str, listed: list[str], *, is_there: bool
) -> None:
    core = SimpleNamespace(available_devices=listed)
    if is_there:
        devices.check_there(core, device)
        return
    with pytest.raises(EngineUnavailableError):
        devices.check_there(core, device)


def test_the_precision_is_the_device_s_own_unless_it_is_asked_for() -> None:
    assert "INFERENCE_PRECISION_HINT" not in devices.config_of("auto")
    assert devices.config_of("fp16")["INFERENCE_PRECISION_HINT"] == "f16"
    with pytest.raises(EngineError, match="int8"):
        devices.config_of("int8")


def settings(*words: str) -> Settings:
    return to_settings(build_parser().parse_args(words), None)


@pytest.mark.parametrize("typed", ["npu", "NPU", "GPU.1", "auto", "Cpu"])
def test_a_name_is_openvino_s_and_asks_for_it(typed: str) -> None:
    found = settings("--device", typed)
    asked = found.engine
    assert (found.backend, asked.openvino_device, asked.device) == ("openvino", typed.upper(), 0)
    assert found.engine_options(2).openvino_device == typed.upper()


def test_a_number_is_tensorrt_s() -> None:
    found = settings("--device", "1")
    asked = found.engine
    assert (found.backend, asked.openvino_device, asked.device) == ("auto", "CPU", 1)


def test_a_name_and_another_backend_contradict_each_other() -> None:
    with pytest.raises(UsageError, match="one of OpenVINO's, and --backend is tensorrt"):
        settings("--device", "GPU", "--backend", "tensorrt")


@pytest.mark.parametrize("typed", ["XPU", "GPU.x", "64", "-1", "1.5", ""])
def test_anything_else_is_refused(typed: str) -> None:
    with pytest.raises(UsageError, match="argument --device: "):
        build_parser().parse_args([f"--device={typed}"])


def test_the_time_of_a_large_batch_is_that_of_all_its_parts(
    tiny_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Told for each frame, and what decides how much the search may cost."""
    engine: Any = registry.open_engine(tiny_path, backend="openvino", options=CPU).engine
    real = engine._lane_of

    def lane_of(batch: int) -> Any:
        lane = real(batch)
        calls = {n: getattr(lane.request, n) for n in ("start_async", "infer", "wait")}
        request = SimpleNamespace(**calls, get_output_tensor=lane.request.get_output_tensor)
        request.latency = 2.0
        engine._lanes[batch] = SimpleNamespace(request=request, crops=lane.crops)
        return engine._lanes[batch]

    engine._lanes.clear()
    monkeypatch.setattr(engine, "_lane_of", lane_of)
    engine.infer(crops(engine.spec.input_hw, 9))
    assert engine.took_ms == pytest.approx(6.0)  # four, four and one
    engine.close()
