"""A model file in Triton's python backend, on the processor: copied into a repository."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import triton_python_backend_utils as triton


def _open(path: str) -> Any:
    """A function from crops to keypoints: by OpenVINO, else by ONNX Runtime."""
    try:
        import openvino  # noqa: PLC0415 - one of the two is there

        hints = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}
        compiled = openvino.Core().compile_model(path, "CPU", hints)
    except ImportError:
        import onnxruntime  # noqa: PLC0415

        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        return lambda crops: session.run(["keypoints"], {"crops": crops})[0]
    request = compiled.create_infer_request()
    return lambda crops: np.array(request.infer({"crops": crops})["keypoints"])


class TritonPythonModel:
    """What Triton calls: https://github.com/triton-inference-server/python_backend."""

    def initialize(self, args: dict[str, str]) -> None:
        """Load the file beside this one."""
        del args
        self._infer = _open(str(Path(__file__).with_name("model.onnx")))

    def execute(self, requests: list[Any]) -> list[Any]:
        """One batch of all requests, and their parts of the answer."""
        batches = [triton.get_input_tensor_by_name(r, "crops").as_numpy() for r in requests]
        found = self._infer(np.concatenate(batches))
        borders = np.cumsum([len(batch) for batch in batches])[:-1]
        return [
            triton.InferenceResponse([triton.Tensor("keypoints", np.ascontiguousarray(part))])
            for part in np.split(found, borders)
        ]
