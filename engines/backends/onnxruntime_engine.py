"""ONNX Runtime on the CPU: runs the model file on any machine."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from steadypose.engines.base import (
    Turns,
    check_crops,
    check_output_shape,
    no_people,
    split_people,
)
from steadypose.engines.errors import EngineError, ModelFileError
from steadypose.engines.options import EngineOptions, count_threads
from steadypose.engines.spec import ModelSpec
from steadypose.engines.wording import advice


class OnnxRuntimeEngine:
    """A model file in an ONNX Runtime session. Computes inside ``finish``."""

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
        self._spec = spec
        self._label = f"onnxruntime fp32, {count_threads(options.threads)}"
        self._turns = Turns("onnxruntime")
        self._others = no_people(spec)
        self._took_ms = 0.0
        self._crops: NDArray[np.uint8] | None = None

    @property
    def spec(self) -> ModelSpec:
        """Contract of the loaded model."""
        return self._spec

    @property
    def label(self) -> str:
        """Backend, precision and threads."""
        return self._label

    def start(self, crops: NDArray[np.uint8]) -> None:
        """Remember the batch; see ``Engine.start``."""
        check_crops(crops, self._spec)
        self._turns.start()
        self._crops = crops

    def finish(self) -> NDArray[np.float32]:
        """Compute the batch; see ``Engine.finish``."""
        self._turns.finish()
        crops, self._crops = self._crops, None
        assert crops is not None  # Turns allows finish only after start
        begin_s = time.perf_counter()
        try:
            (keypoints,) = self._session.run(["keypoints"], {"crops": crops})
        except Exception as error:
            raise EngineError(
                f"onnxruntime failed on a batch of {len(crops)}: {_first_line(error)}",
                fix="run with --backend openvino, or export the model again",
            ) from error
        self._took_ms = (time.perf_counter() - begin_s) * 1e3
        check_output_shape(keypoints.shape, self._spec, len(crops))
        central, self._others = split_people(keypoints, self._spec)
        return central

    @property
    def others(self) -> NDArray[np.float32]:
        """See ``Engine.others``."""
        return self._others

    @property
    def took_ms(self) -> float:
        """See ``Engine.took_ms``."""
        return self._took_ms

    def infer(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Keypoints of a batch; see ``Engine.infer``."""
        self.start(crops)
        return self.finish()

    def close(self) -> None:
        """Free the session."""
        if self._turns.close():
            del self._session


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0][:200] if str(error).strip() else repr(error)
