"""When OpenVINO is asked for bf16: where it is faster, never where the environment forbids it."""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable, Iterator
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from steadypose.engines import registry
from steadypose.engines.base import Engine
from steadypose.engines.errors import EngineError, ModelFileError
from steadypose.engines.options import EngineOptions
from steadypose.realtime.model.places import DEFAULT_MODEL
from tests.conftest import TINY_SPEC

pytest.importorskip("openvino", exc_type=ImportError)
openvino_engine = importlib.import_module("steadypose.engines.backends.openvino_engine")

ISA = "ONEDNN_MAX_CPU_ISA"


class Core:
    """A processor with bf16 or without; compiling notes the wish and ends there."""

    capabilities: tuple[str, ...] = ("FP32", "BF16")
    asked: list[str]

    def get_property(self, device: str, name: str) -> tuple[str, ...]:
        assert (device, name) == ("CPU", "OPTIMIZATION_CAPABILITIES")
        return self.capabilities

    def read_model(self, path: str) -> str:
        return path

    def compile_model(self, _: str, __: str, config: dict[str, Any]) -> None:
        self.asked.append(config["INFERENCE_PRECISION_HINT"])
        raise RuntimeError("far enough")


def take(monkeypatch: pytest.MonkeyPatch, **took_s: list[float]) -> None:
    """Let the probes take these seconds, one call after another, again and again."""

    def probe(_: object, precision: str) -> Callable[[], float]:
        return cycle(took_s[precision]).__next__

    monkeypatch.setattr(openvino_engine, "_probe", probe)


@pytest.fixture
def core(monkeypatch: pytest.MonkeyPatch) -> Iterator[Core]:
    made = Core()
    made.asked = []
    monkeypatch.setattr(openvino_engine.openvino, "Core", lambda: made)
    take(monkeypatch, fp32=[1e-3], bf16=[0.6e-3])
    monkeypatch.delenv(ISA, raising=False)
    openvino_engine._gains_by_bf16.cache_clear()
    yield made
    openvino_engine._gains_by_bf16.cache_clear()


def open_engine(precision: str) -> None:
    openvino_engine.OpenVinoEngine(Path("x.onnx"), TINY_SPEC, EngineOptions(precision))


@pytest.mark.parametrize(
    ("limit", "hint"),
    [
        (None, "bf16"),
        ("", "bf16"),
        ("default", "bf16"),
        ("ALL", "bf16"),
        ("AVX512_CORE_BF16", "bf16"),
        ("AVX512_CORE_FP16", "bf16"),
        ("avx512_core_amx", "bf16"),
        ("AVX10_1_512", "bf16"),
        ("AVX10_2_512_AMX_2", "bf16"),
        ("SSE41", "f32"),
        ("AVX2", "f32"),
        ("AVX512_CORE_VNNI", "f32"),
    ],
)
def test_auto_is_bf16_where_processor_and_environment_allow_it(
    core: Core, monkeypatch: pytest.MonkeyPatch, limit: str | None, hint: str
) -> None:
    if limit is not None:
        monkeypatch.setenv(ISA, limit)
    with pytest.raises(ModelFileError, match="far enough"):
        open_engine("auto")
    assert core.asked == [hint]


def test_auto_is_fp32_where_the_processor_has_no_bf16(core: Core) -> None:
    core.capabilities = ("FP32",)
    with pytest.raises(ModelFileError, match="far enough"):
        open_engine("auto")
    assert core.asked == ["f32"]


@pytest.mark.parametrize(("bf16_s", "hint"), [(0.8e-3, "bf16"), (0.9e-3, "f32"), (2e-3, "f32")])
def test_auto_is_fp32_where_bf16_is_known_but_gains_too_little(
    core: Core, monkeypatch: pytest.MonkeyPatch, bf16_s: float, hint: str
) -> None:
    take(monkeypatch, fp32=[1e-3], bf16=[bf16_s])
    with pytest.raises(ModelFileError, match="far enough"):
        open_engine("auto")
    assert core.asked == [hint]


@pytest.mark.parametrize(("bf16_s", "hint"), [(0.6e-3, "bf16"), (1.5e-3, "f32")])
def test_a_busy_moment_does_not_choose_the_precision(
    core: Core, monkeypatch: pytest.MonkeyPatch, bf16_s: float, hint: str
) -> None:
    busy = [0.02] * 5  # a program that takes the core away for a while
    take(monkeypatch, fp32=[*busy, 1e-3, 1e-3], bf16=[*busy, bf16_s, bf16_s])
    with pytest.raises(ModelFileError, match="far enough"):
        open_engine("auto")
    assert core.asked == [hint]


def test_auto_is_fp32_where_bf16_cannot_even_be_tried(
    core: Core, monkeypatch: pytest.MonkeyPatch
) -> None:
    def probe(_: object, precision: str) -> Callable[[], float]:
        if precision == "bf16":
            raise RuntimeError("no such kernel")
        return lambda: 1e-3

    monkeypatch.setattr(openvino_engine, "_probe", probe)
    with pytest.raises(ModelFileError, match="far enough"):
        open_engine("auto")
    assert core.asked == ["f32"]


def test_the_probe_times_a_convolution_that_really_runs() -> None:
    import openvino

    assert 1e-5 < openvino_engine._probe(openvino.Core(), "fp32")() < 10.0


def test_bf16_that_the_environment_forbids_is_one_sentence(
    core: Core, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ISA, "AVX2")
    with pytest.raises(EngineError, match=rf"{ISA}=AVX2 forbids bf16") as caught:
        open_engine("bf16")
    assert "--precision fp32" in caught.value.fix
    assert core.asked == []
    monkeypatch.setenv(ISA, "")
    with pytest.raises(ModelFileError, match="far enough"):
        open_engine("bf16")
    assert core.asked == ["bf16"]


def own_share(engine: Engine, *, is_awaited: bool) -> float:
    """Of the processor's time for ten batches: how much the calling thread took."""
    crops = np.zeros((1, *engine.spec.input_hw, 3), np.uint8)
    engine.infer(crops)
    begin_s, own_begin_s = time.process_time(), time.thread_time()
    for _ in range(10):
        if is_awaited:
            engine.infer(crops)
        else:
            engine.start(crops)
            engine.finish()
    return (time.thread_time() - own_begin_s) / (time.process_time() - begin_s)


def test_one_thread_is_the_caller_s_where_it_would_only_wait() -> None:
    engine = registry.open_engine(
        DEFAULT_MODEL, backend="openvino", options=EngineOptions(threads=1)
    ).engine
    try:
        assert own_share(engine, is_awaited=True) > 0.8
        assert own_share(engine, is_awaited=False) < 0.4
    finally:
        engine.close()
