"""A network that never answers: Ctrl-C ends the wait, a second signal ends the process."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from steadypose.engines import registry
from steadypose.engines.base import Engine
from steadypose.engines.errors import EngineError
from steadypose.engines.foreign import patience
from steadypose.engines.foreign.patience import NoAnswerError, answer_within
from steadypose.engines.options import EngineOptions
from steadypose.realtime.model.places import ROOT
from tests.conftest import tiny_model
from tests.realtime.app.test_cli import RUN, environment


def endless(path: Path) -> Path:
    """A model file whose keypoints go through a loop of 10^12 rounds."""
    model = tiny_model()
    number = helper.make_tensor_value_info("before", TensorProto.FLOAT, None)
    body = helper.make_graph(
        [
            helper.make_node("Identity", ["go_on"], ["going_on"]),
            helper.make_node("Sin", ["before"], ["after"]),
        ],
        "round",
        [
            helper.make_tensor_value_info("round", TensorProto.INT64, []),
            helper.make_tensor_value_info("go_on", TensorProto.BOOL, []),
            number,
        ],
        [
            helper.make_tensor_value_info("going_on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("after", TensorProto.FLOAT, None),
        ],
    )
    last = model.graph.node[-1]
    last.output[0] = "found"
    model.graph.node.append(
        helper.make_node("Loop", ["rounds", "yes", "found"], ["keypoints"], body=body)
    )
    model.graph.initializer.append(numpy_helper.from_array(np.array(10**12, np.int64), "rounds"))
    model.graph.initializer.append(numpy_helper.from_array(np.ones((), np.bool_), "yes"))
    onnx.checker.check_model(model)
    path.write_bytes(model.SerializeToString())
    return path


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["openvino", "onnxruntime"])
@pytest.mark.posix("signals to another process")
def test_ctrl_c_ends_the_wait_for_a_network_that_never_answers(
    tmp_path: Path, backend: str
) -> None:
    model = endless(tmp_path / "endless.onnx")
    words = ["--model", str(model), "--backend", backend, "--source", "demo", "--headless"]
    with subprocess.Popen(
        [*RUN, *words],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
    ) as process:
        time.sleep(6.0)
        assert process.poll() is None
        process.send_signal(signal.SIGINT)
        begin_s = time.monotonic()
        _, said = process.communicate(timeout=30)
    assert time.monotonic() - begin_s < 10
    assert process.returncode == 2, said
    assert said.count("error: interrupted (SIGINT)") == 1, said
    assert "Traceback" not in said


BLOCKED = """
import hashlib, signal
from steadypose.realtime.command.stopping.signals import Stop
stop = Stop()
for number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(number, stop)
stop.watch()
print("ready", flush=True)
hashlib.pbkdf2_hmac("sha256", b"", b"", 2**31 - 1)  # some 20 minutes of native code
"""


@pytest.mark.parametrize("second", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("first", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.posix("signals to another process")
def test_a_second_signal_ends_the_process_even_while_native_code_blocks_it(
    first: signal.Signals, second: signal.Signals
) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", BLOCKED],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        time.sleep(0.5)
        process.send_signal(first)
        process.send_signal(first)  # as `timeout` does: one, not two
        time.sleep(1.0)
        assert process.poll() is None, "one signal is polite"
        process.send_signal(second)
        _, said = process.communicate(timeout=10)
    assert process.returncode == 128 + second
    assert said.count(f"error: ended at once ({second.name})") == 1
    assert "readable" in said


def test_a_network_that_never_answers_is_given_up_and_no_other_backend_waits_as_long(
    tiny_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[str] = []

    def load(entry: registry.Backend) -> registry.Opener:
        def open_slowly(*_: object) -> Engine:
            tried.append(entry.name)
            time.sleep(3.0)
            raise AssertionError

        return open_slowly

    monkeypatch.setattr(registry, "_load", load)
    monkeypatch.setattr(registry, "ANSWER_WITHIN_S", 0.3)
    begin_s = time.monotonic()
    with pytest.raises(EngineError, match=r"did not answer within 0\.3 s on openvino"):
        registry.open_engine(
            tiny_path, backend="auto", options=EngineOptions(), leave_out=("tensorrt",)
        )
    assert time.monotonic() - begin_s < 2
    assert tried == ["openvino"]


def test_what_is_answered_in_time_is_given_on_and_so_is_what_was_raised() -> None:
    assert answer_within(lambda: 7, 5.0) == 7
    with pytest.raises(ZeroDivisionError):
        answer_within(lambda: 1 // 0, 5.0)
    with pytest.raises(NoAnswerError):
        answer_within(lambda: time.sleep(1.0), 0.1)


def test_waiting_for_an_answer_costs_nothing() -> None:
    begin_s = time.perf_counter()
    for _ in range(100):
        answer_within(lambda: None, 5.0)
    assert time.perf_counter() - begin_s < 1.0


@pytest.mark.parametrize("is_done", [False, True])
def test_a_command_waits_a_second_for_its_network_and_then_goes_without_it(
    monkeypatch: pytest.MonkeyPatch, *, is_done: bool
) -> None:
    told: list[object] = []

    def wait(limit_s: float) -> bool:
        told.append(limit_s)
        return is_done

    monkeypatch.setattr(patience, "flush", lambda: told.append("flushed"))
    monkeypatch.setattr("os._exit", told.append)
    patience._end(SimpleNamespace(wait=wait))  # type: ignore[arg-type]
    assert told == ([1.0] if is_done else [1.0, "flushed", 2])
