"""ONNX Runtime on the CPU: runs the model file on any machine."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from steadypose.engines.backends.base_engine import BaseEngine
from steadypose.engines.errors import EngineError, ModelFileError
from steadypose.engines.options import EngineOptions, count_threads
from steadypose.engines.spec import ModelSpec
from steadypose.engines.wording import advice


class OnnxRuntimeEngine(BaseEngine):
    """A model file in an ONNX Runtime session. It computes inside ``finish``."""

    def __init__(self, path: Path, spec: ModelSpec, options: EngineOptions) -> None:
        if options.precision not in {"auto", "fp32"}:
            raise EngineError(
                f"backend onnxruntime runs fp32 on the CPU, not {options.precision}",
                fix="leave out --precision, or use --backend openvino",
            )
        settings = onnxruntime.SessionOptions()
        settings.intra_op_num_threads = options.threads
        settings.inter_op_num_threads = 1
        settings.log_severity_level = 4
        # A pool that spins between frames would steal the time that drawing and decoding need.
        settings.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            self._session = onnxruntime.InferenceSession(
                str(path), settings, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # its exceptions have no common base class
            raise ModelFileError(
                f"onnxruntime cannot load {path}: {_first_line(error)}",
                fix=advice.EXPORT_OR_RESTORE,
            ) from error
        super().__init__("onnxruntime", spec, f"onnxruntime fp32, {count_threads(options.threads)}")

    def _begin(self, crops: NDArray[np.uint8]) -> None:
        self._crops = crops

    def _answer(self) -> NDArray[np.float32]:
        begin_s = time.perf_counter()
        try:
            (keypoints,) = self._session.run(["keypoints"], {"crops": self._crops})
        except Exception as error:
            raise EngineError(
                f"onnxruntime failed on a batch of {self._batch}: {_first_line(error)}",
                fix="run with --backend openvino, or export the model again",
            ) from error
        self.took_ms = (time.perf_counter() - begin_s) * 1e3
        found: NDArray[np.float32] = keypoints
        return found

    def _free(self) -> None:
        del self._session


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0][:200] if str(error).strip() else repr(error)
