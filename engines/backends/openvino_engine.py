"""OpenVINO: on the CPU the fastest way to run the model file without a GPU of NVIDIA's."""

from __future__ import annotations

import functools
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from steadypose.engines.backends.base_engine import BaseEngine
from steadypose.engines.backends.openvino_device import (
    ONE_BY_ONE,
    check_there,
    config_of,
    label_of,
)
from steadypose.engines.backends.quiet_openvino import openvino, opset
from steadypose.engines.errors import EngineError, ModelFileError
from steadypose.engines.options import BF16_GAIN, EngineOptions, count_threads
from steadypose.engines.spec import ModelSpec
from steadypose.engines.wording import advice

_HINTS = {"fp32": "f32", "bf16": "bf16"}  # fp16 on a CPU silently becomes bf16 or fp32
_PROBES = 8
_FEW, _ALL = 4, 1 << 30  # crops at a time
_ISA = "ONEDNN_MAX_CPU_ISA"
_WITH_BF16 = ("BF16", "FP16", "AMX", "AVX10")  # parts of the names of instruction sets


@dataclass(frozen=True, slots=True, eq=False)
class _Lane:
    """What computes batches of one size: binding a request to memory costs more than copying.

    Attributes:
        request: OpenVINO's; reads ``crops``.
        crops: (N, H, W, 3) uint8.
    """

    request: Any
    crops: NDArray[np.uint8]


class OpenVinoEngine(BaseEngine):
    """A model file compiled by OpenVINO. ``start`` overlaps with the caller's work.

    With one thread ``infer`` computes on the caller's: between two that take turns, each finds
    a processor that has just slept.
    """

    def __init__(self, path: Path, spec: ModelSpec, options: EngineOptions) -> None:
        core = openvino.Core()
        self._is_alone = self._is_awaited = False
        self._at_a_time = 1 if options.openvino_device in ONE_BY_ONE else _ALL
        if options.openvino_device != "CPU":
            check_there(core, options.openvino_device)
            self._compile(core, path, spec, options.openvino_device, config_of(options.precision))
            label = label_of(self._compiled, options.openvino_device)
        else:
            self._compile(core, path, spec, "CPU", _cpu_config(options))
            built = self._compiled.get_property("INFERENCE_PRECISION_HINT").to_string()
            threads = self._compiled.get_property("INFERENCE_NUM_THREADS")
            # Of every batch size it keeps memory, which grows with the number of crops.
            self._at_a_time = min(self._at_a_time, max(_FEW, threads))
            self._is_alone = threads == 1
            label = f"openvino {_our_name(built)}, {count_threads(threads)}"
        super().__init__("openvino", spec, label)
        self._lanes: dict[int, _Lane] = {}
        try:
            self._lane = self._lane_of(1)
        except Exception as error:
            self._batch = 1
            raise self._failed(error) from error
        self._waiting: list[NDArray[np.uint8]] = []

    def _compile(
        self, core: openvino.Core, path: Path, spec: ModelSpec, device: str, config: dict[str, Any]
    ) -> None:
        try:
            model = core.read_model(str(path))
            if self._at_a_time == 1:
                model.reshape([1, *spec.input_hw, 3])
            self._compiled = core.compile_model(model, device, config)
        except Exception as error:  # OpenVINO raises plain RuntimeError
            raise ModelFileError(
                f"openvino cannot load {path}: {_last_line(error)}",
                fix=advice.EXPORT_OR_RESTORE,
            ) from error

    def infer(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        """See ``Engine.infer``."""
        self._is_awaited = self._is_alone
        try:
            return super().infer(crops)
        finally:
            self._is_awaited = False

    def _begin(self, crops: NDArray[np.uint8]) -> None:
        """OpenVINO's own threads compute; the caller goes on."""
        most = self._at_a_time
        self._waiting = [crops[i : i + most] for i in range(0, len(crops), most)]
        self._start(self._waiting.pop(0))

    def _start(self, crops: NDArray[np.uint8]) -> None:
        try:
            self._lane = self._lanes.get(len(crops)) or self._lane_of(len(crops))
            np.copyto(self._lane.crops, crops)
            if self._is_awaited:
                self._lane.request.infer()
            else:
                self._lane.request.start_async()
        except Exception as error:
            raise self._failed(error) from error

    def _lane_of(self, batch: int) -> _Lane:
        """Make the lane of a batch size, and keep it."""
        lane = _Lane(
            self._compiled.create_infer_request(),
            np.empty((batch, *self.spec.input_hw, 3), np.uint8),
        )
        lane.request.set_input_tensor(openvino.Tensor(lane.crops, shared_memory=True))
        self._lanes[batch] = lane
        return lane

    def _answer(self) -> NDArray[np.float32]:
        answers = [self._wait()]
        took_ms: float = self._lane.request.latency
        while self._waiting:
            answers[-1] = answers[-1].copy()  # the next one takes its place
            self._start(self._waiting.pop(0))
            answers.append(self._wait())
            took_ms += self._lane.request.latency
        self.took_ms = took_ms
        return answers[0] if len(answers) == 1 else np.concatenate(answers)

    def _wait(self) -> NDArray[np.float32]:
        try:
            self._lane.request.wait()
            keypoints: NDArray[np.float32] = self._lane.request.get_output_tensor().data
        except Exception as error:
            raise self._failed(error) from error
        return keypoints

    def _free(self) -> None:
        self._lane.request.wait()
        del self._lane, self._lanes, self._compiled

    def _failed(self, error: Exception) -> EngineError:
        return EngineError(
            f"openvino failed on a batch of {self._batch}: {_last_line(error)}",
            fix="run with --backend onnxruntime, or export the model again",
        )


def _cpu_config(options: EngineOptions) -> dict[str, Any]:
    """How a network is compiled for the processor.

    Raises:
        EngineError: It does not compute with that precision.
    """
    precision = options.precision
    if precision == "auto":
        precision = "bf16" if _is_bf16_allowed() and _gains_by_bf16() else "fp32"
    if precision not in _HINTS:
        raise EngineError(
            f"backend openvino does not build {precision} from a model file",
            fix=f"choose --precision from auto, {', '.join(_HINTS)}",
        )
    if precision == "bf16" and not _is_bf16_allowed():
        raise EngineError(
            f"the environment variable {_ISA}={os.environ[_ISA]} forbids bf16",
            fix=f"{advice.without_variable(_ISA)}, or run with --precision fp32",
        )
    return {
        "INFERENCE_PRECISION_HINT": _HINTS[precision],
        "PERFORMANCE_HINT": "LATENCY",
        "NUM_STREAMS": "1",
        "INFERENCE_NUM_THREADS": options.threads,  # 0: as many as OpenVINO likes
        # Pinned, the first thread of every program would wait for the same core.
        "ENABLE_CPU_PINNING": False,
    }


@functools.cache
def _gains_by_bf16() -> bool:
    """Whether the processor multiplies bf16, and gains by it.

    Measured, because there are processors that know the instructions and lose time by them;
    once, so that all engines of a program agree.
    """
    core = openvino.Core()
    if "BF16" not in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
        return False
    try:
        probes = {precision: _probe(core, precision) for precision in _HINTS}
        # In turn, so that other work on the machine meets both.
        took_s = [{name: probe() for name, probe in probes.items()} for _ in range(_PROBES)]
        fastest_s = {name: min(one[name] for one in took_s) for name in probes}
        return fastest_s["bf16"] < BF16_GAIN * fastest_s["fp32"]
    except RuntimeError:  # OpenVINO's only error: fp32 is always possible
        return False


def _probe(core: openvino.Core, precision: str) -> Callable[[], float]:
    """A small convolution on one thread; each call runs it, and gives the seconds it took."""
    shape = [1, 96, 64, 48]
    source = opset.parameter(shape, np.float32)
    weights = opset.constant(np.full((96, 96, 1, 1), 0.01, np.float32))
    found = source
    for _ in range(3):  # the first and the last also convert
        found = opset.convolution(found, weights, [1, 1], [0, 0], [0, 0], [1, 1])
    compiled = core.compile_model(
        openvino.Model([found], [source], "probe"),
        "CPU",
        {"INFERENCE_PRECISION_HINT": _HINTS[precision], "INFERENCE_NUM_THREADS": 1},
    )
    request = compiled.create_infer_request()
    request.set_input_tensor(openvino.Tensor(np.ones(shape, np.float32)))

    def run() -> float:
        begin_s = time.perf_counter()
        request.infer()
        return time.perf_counter() - begin_s

    return run


def _is_bf16_allowed() -> bool:
    """Whether ``ONEDNN_MAX_CPU_ISA`` allows bf16; unset or empty, it allows everything.

    OpenVINO asks the processor alone, and crashes where that variable forbids what it finds.
    """
    limit = os.environ.get(_ISA, "").upper()
    return limit in {"", "DEFAULT", "ALL"} or any(name in limit for name in _WITH_BF16)


def _our_name(hint: str) -> str:
    return {theirs: ours for ours, theirs in _HINTS.items()}.get(hint, hint)


def _last_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1][:200] if lines else repr(error)
