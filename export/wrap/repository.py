"""Model files as inference servers want them: folders and what describes them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from steadypose.engines.backends.remote.contract import INPUT, OUTPUT, SHA256
from steadypose.engines.engine_file import SUFFIX, read_info
from steadypose.engines.errors import UsageError
from steadypose.engines.file_io import sha256_of
from steadypose.engines.model_file import read_spec
from steadypose.engines.spec import METADATA_KEY, ModelSpec

LIST = "config.json"
"""OpenVINO Model Server's list of its models."""
KINDS = ("triton", "openvino")
_PYTHON = Path(__file__).with_name("triton_model.py")


@dataclass(frozen=True, slots=True)
class Serving:
    """How a server is to run a model.

    Attributes:
        backend: Triton's: ``onnxruntime``, ``tensorrt``, ``python`` (of a processor).
        instances: How many copies of the network work at a time.
        is_on_gpu: They work on GPUs.
        most: Largest batch.
        delay_us: How long a request waits for others to share a batch, microseconds.
    """

    backend: str
    instances: int = 1
    is_on_gpu: bool = True
    most: int = 8
    delay_us: int = 2000


def files_of(model: Path, name: str, serving: Serving, *, kind: str) -> dict[str, bytes | Path]:
    """What a repository of one model holds, by names below its folder; a path is to be copied.

    Args:
        model: A model file, or a TensorRT engine of ours.
        name: Of the model on the server.
        serving: How it is run.
        kind: One of ``KINDS``.

    Raises:
        UsageError: The server cannot run such a file.
        SteadyposeError: It is none of ours.
    """
    is_built = model.suffix == SUFFIX
    if kind == "openvino":
        if is_built:
            raise UsageError("OpenVINO runs no TensorRT engine", fix="give the model file (.onnx)")
        read_spec(model)
        return {f"{name}/1/model.onnx": model, LIST: _ovms(name, serving).encode()}
    if is_built != (serving.backend == "tensorrt"):
        raise UsageError(
            f"--run {serving.backend} does not go with {model.name}",
            fix="--run tensorrt takes an engine of steadypose build-engine, others a model file",
        )
    if is_built:
        info = read_info(model)
        spec, sha256, most = info.spec, info.onnx_sha256, info.max_batch
    else:
        spec, sha256, most = read_spec(model), sha256_of(model), serving.most
    text = config(name, spec, serving, sha256=sha256, most=min(most, serving.most))
    files: dict[str, bytes | Path] = {f"{name}/config.pbtxt": text.encode()}
    files[f"{name}/1/model.plan" if is_built else f"{name}/1/model.onnx"] = model
    if serving.backend == "python":
        files[f"{name}/1/model.py"] = _PYTHON
    return files


def config(name: str, spec: ModelSpec, serving: Serving, *, sha256: str, most: int) -> str:
    """Triton's ``config.pbtxt``.

    Source:
        https://github.com/triton-inference-server/common/blob/main/protobuf/model_config.proto
    """
    height, width = spec.input_hw
    dims = f"[ {height}, {width}, 3 ]"
    kind = "KIND_GPU" if serving.is_on_gpu else "KIND_CPU"
    given = f"data_type: TYPE_UINT8, dims: {dims}"
    warm = "\n".join(
        f'model_warmup [ {{ name: "{size}", batch_size: {size}, inputs {{ key: "{INPUT}", '
        f"value: {{ {given}, zero_data: true }} }} }} ]"
        for size in sorted({1, most})
    )
    parameters = {METADATA_KEY: spec.to_json(), SHA256: sha256}
    told = "\n".join(
        f"parameters {{ key: {json.dumps(key)}, value: {{ string_value: {json.dumps(value)} }} }}"
        for key, value in parameters.items()
    )
    return f"""# Written by steadypose model-repository.
name: {json.dumps(name)}
backend: "{serving.backend}"
max_batch_size: {most}
input [ {{ name: "{INPUT}", {given} }} ]
output [ {{ name: "{OUTPUT}", data_type: TYPE_FP32, dims: [ {spec.output_rows}, 3 ] }} ]
instance_group [ {{ kind: {kind}, count: {serving.instances} }} ]
dynamic_batching {{ max_queue_delay_microseconds: {serving.delay_us} }}
version_policy: {{ latest: {{ num_versions: 1 }} }}
{warm}
{told}
"""


def _ovms(name: str, serving: Serving) -> str:
    """OpenVINO Model Server's ``config.json``; its batches follow from ``nireq`` and streams."""
    plugin = {"PERFORMANCE_HINT": "LATENCY", "NUM_STREAMS": str(serving.instances)}
    about = {"name": name, "base_path": f"/models/{name}", "plugin_config": plugin}
    said = {"model_config_list": [{"config": {**about, "nireq": serving.instances}}]}
    return json.dumps(said, indent=2) + "\n"
