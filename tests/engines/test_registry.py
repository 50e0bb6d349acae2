"""Choosing a backend: the fastest that works, and a sentence for each that does not."""

from __future__ import annotations

import itertools
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from steadypose.engines import registry
from steadypose.engines.errors import EngineError, EngineUnavailableError, ModelFileError
from steadypose.engines.options import EngineOptions
from steadypose.engines.spec import METADATA_KEY
from tests.conftest import TINY_SPEC, tiny_model

FP32 = EngineOptions(precision="fp32", threads=1)


def test_auto_takes_the_first_that_works(tiny_path: Path) -> None:
    opened = registry.open_engine(tiny_path, backend="auto", options=FP32)
    assert opened.engine.label.startswith("openvino")
    assert [text.split(":")[0] for text in opened.passed_over] == ["tensorrt"]
    assert opened.open_s > 0


def test_how_long_opening_took_is_told(tiny_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = SimpleNamespace(perf_counter=itertools.count(50.0, 0.25).__next__)
    monkeypatch.setattr("steadypose.engines.registry.time", clock)
    assert registry.open_engine(tiny_path, backend="openvino", options=FP32).open_s == 0.25


def test_auto_says_why_a_backend_was_passed_over(
    tiny_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "openvino", None)  # import fails as if not installed
    for name in ("openvino_engine", "quiet_openvino"):
        monkeypatch.delitem(sys.modules, f"steadypose.engines.backends.{name}", raising=False)
    opened = registry.open_engine(tiny_path, backend="auto", options=FP32)
    assert opened.engine.label.startswith("onnxruntime")
    assert "openvino" in opened.passed_over[1]


def test_a_named_backend_that_is_missing_is_a_sentence(
    tiny_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    monkeypatch.delitem(
        sys.modules, "steadypose.engines.backends.onnxruntime_engine", raising=False
    )
    with pytest.raises(EngineUnavailableError, match="pip install -r requirements"):
        registry.open_engine(tiny_path, backend="onnxruntime", options=FP32)


def test_an_unknown_backend_lists_the_known(tiny_path: Path) -> None:
    with pytest.raises(EngineUnavailableError, match="openvino"):
        registry.open_engine(tiny_path, backend="abacus", options=FP32)


@pytest.mark.parametrize("backend", ["auto", "openvino", "onnxruntime"])
def test_a_model_that_breaks_its_own_spec_is_refused(tmp_path: Path, backend: str) -> None:
    path = tmp_path / "liar.onnx"
    path.write_bytes(tiny_model(TINY_SPEC, keypoints=5).SerializeToString())
    with pytest.raises(EngineError, match=r"promises \(1, 17, 3\)"):
        registry.open_engine(path, backend=backend, options=FP32)


@pytest.mark.parametrize("backend", ["openvino", "onnxruntime"])
def test_a_graph_that_cannot_be_loaded_is_a_sentence(tmp_path: Path, backend: str) -> None:
    model = tiny_model()
    model.graph.node[1].op_type = "NoSuchOperator"
    path = tmp_path / "strange.onnx"
    path.write_bytes(model.SerializeToString())
    with pytest.raises(ModelFileError, match="cannot load"):
        registry.open_engine(path, backend=backend, options=FP32)


def test_a_precision_that_a_backend_lacks_is_a_sentence(tiny_path: Path) -> None:
    with pytest.raises(EngineError, match="fp32"):
        registry.open_engine(
            tiny_path, backend="onnxruntime", options=EngineOptions("int8", threads=1)
        )
    with pytest.raises(EngineError, match="int8"):
        registry.open_engine(
            tiny_path, backend="openvino", options=EngineOptions("int8", threads=1)
        )


def test_a_model_whose_graph_has_another_size_than_its_spec_is_refused(tmp_path: Path) -> None:
    model = tiny_model()
    del model.metadata_props[:]
    entry = model.metadata_props.add()
    entry.key, entry.value = METADATA_KEY, replace(TINY_SPEC, input_hw=(96, 64)).to_json()
    path = tmp_path / "liar.onnx"
    path.write_bytes(model.SerializeToString())
    for backend in ("auto", "openvino", "onnxruntime"):
        with pytest.raises(EngineError, match="failed on a batch"):
            registry.open_engine(path, backend=backend, options=FP32)


def test_onnxruntime_takes_the_threads_that_it_is_given_and_lets_go_of_them_between_frames(
    tiny_path: Path,
) -> None:
    options = replace(FP32, threads=2)
    engine: Any = registry.open_engine(tiny_path, backend="onnxruntime", options=options).engine
    settings = engine._session.get_session_options()
    assert (settings.intra_op_num_threads, settings.inter_op_num_threads) == (2, 1)
    assert settings.get_session_config_entry("session.intra_op.allow_spinning") == "0"
    engine.close()


def test_openvino_answers_one_frame_as_soon_as_it_can_and_holds_no_core(tiny_path: Path) -> None:
    engine: Any = registry.open_engine(tiny_path, backend="openvino", options=FP32).engine
    found = {
        name: engine._compiled.get_property(name)
        for name in ("PERFORMANCE_HINT", "NUM_STREAMS", "ENABLE_CPU_PINNING")
    }
    assert str(found["PERFORMANCE_HINT"]).endswith("LATENCY")
    assert (str(found["NUM_STREAMS"]), found["ENABLE_CPU_PINNING"]) == ("1", False)
    engine.close()


def test_openvino_reports_the_precision_it_built(tiny_path: Path) -> None:
    opened = registry.open_engine(tiny_path, backend="openvino", options=FP32)
    assert "fp32" in opened.engine.label
