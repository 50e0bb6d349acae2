"""Build one TensorRT engine, as a child process of ``process``.

Not run by hand: ``build_trt.py`` starts ``python -m steadypose.export.trt.builder JOB.json`` and
reads progress from its output, then the plan and a result file.
"""

from __future__ import annotations

import json
import sys
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from steadypose.engines.backends.tensorrt.api import TensorRt, load_tensorrt
from steadypose.engines.backends.tensorrt.cuda_driver import load_driver
from steadypose.engines.errors import EngineError, SteadyposeError
from steadypose.engines.file_io import replace_file
from steadypose.engines.foreign.files import open_regular
from steadypose.engines.foreign.signature import seal, unseal
from steadypose.export.trt.built_layers import count_precisions, parse_layers, reading_crops

PROGRESS = "@progress "
_FIX = "run again with --verbose; see docs/tensorrt.md"


@dataclass(frozen=True, slots=True)
class Job:
    """What to build.

    Attributes:
        onnx: Model file in its final precision.
        plan: File to write the plan to.
        result: JSON file to write the outcome to.
        flavor: ``tensorrt`` or ``tensorrt-rtx``.
        precision: fp32, tf32, fp16 or int8; only TF32 and TensorRT 8 need flags for it.
        min_batch: Smallest batch.
        best_batch: Batch that kernels are optimised for.
        max_batch: Largest batch.
        input_hw: Crop height and width, pixels.
        convolutions: Names of the network's convolutions, to report their precision.
        network: Names of all nodes of the network; the others are kept in float32 on
            TensorRT 8.
        workspace_mib: Scratch memory the builder may use; 0: its own choice.
        targets: Compute capabilities, TensorRT for RTX only; empty: its default list.
        timing_cache: File of measured kernel times; empty: none.
        is_verbose: Pass on TensorRT's own messages.
    """

    onnx: str
    plan: str
    result: str
    flavor: str
    precision: str
    min_batch: int
    best_batch: int
    max_batch: int
    input_hw: tuple[int, int]
    convolutions: tuple[str, ...]
    network: tuple[str, ...] = ()
    workspace_mib: int = 0
    targets: tuple[str, ...] = ()
    timing_cache: str = ""
    is_verbose: bool = False

    def to_json(self) -> str:
        """JSON for the job file."""
        return json.dumps(asdict(self))


def build(job: Job) -> dict[str, Any]:
    """Build, write the plan, and return a report.

    Raises:
        EngineUnavailableError: TensorRT, or the GPU it needs for building, is missing.
        EngineError: TensorRT refuses the model.
    """
    if job.flavor == "tensorrt":
        load_driver().device()  # without a GPU, its builder is an object that crashes
    api = load_tensorrt(job.flavor)  # type: ignore[arg-type]
    trt = api.module
    messages: list[str] = []
    api.log.listener = _listener(messages, is_verbose=job.is_verbose)
    builder = trt.Builder(api.log.logger)
    network = builder.create_network(_network_flags(api))
    _parse(api, network, job)
    config = builder.create_builder_config()
    config.profiling_verbosity = trt.ProfilingVerbosity.DETAILED
    if job.workspace_mib:
        config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, job.workspace_mib << 20)
    _set_precision(api, config, job)
    _set_for_tensorrt8(api, network, config, job)
    _set_targets(api, config, job)
    _set_profile(api, builder, config, job)
    cache = _load_timing_cache(api, config, job)
    _report_progress(trt, config)
    begin_s = time.perf_counter()
    plan = builder.build_serialized_network(network, config)
    took_s = time.perf_counter() - begin_s
    if plan is None:
        raise EngineError(f"{api.title} cannot build it: {api.log.last_errors()}", fix=_FIX)
    Path(job.plan).write_bytes(bytes(plan))
    if cache is not None:
        with suppress(OSError):  # the next build is merely slower
            data = seal(bytes(cache.serialize()))
            replace_file(Path(job.timing_cache), lambda fresh: fresh.write_bytes(data))
    layers = parse_layers(messages)
    return {
        "version": api.version,
        "build_s": took_s,
        "layers": len(layers),
        "built": count_precisions(layers, job.convolutions),
        "readers_of_crops": len(reading_crops(layers)),
    }


def _network_flags(api: TensorRt) -> int:
    flags = api.module.NetworkDefinitionCreationFlag
    if api.flavor == "tensorrt-rtx" or api.generation >= 11:
        return 0  # always strongly typed
    name = "EXPLICIT_BATCH" if api.generation < 10 else "STRONGLY_TYPED"
    return 1 << int(getattr(flags, name))


def _parse(api: TensorRt, network: Any, job: Job) -> None:
    parser = api.module.OnnxParser(network, api.log.logger)
    if not parser.parse_from_file(job.onnx):
        reasons = [_describe(parser.get_error(i)) for i in range(parser.num_errors)]
        text = "; ".join(reasons) or api.log.last_errors()
        raise EngineError(f"{api.title} cannot read the model: {text[:600]}", fix=_FIX)


def _describe(error: Any) -> str:
    """The parser's errors, with the operator if this TensorRT reports it (8.5 does not)."""
    if not hasattr(error, "node_operator"):
        return str(error.desc())
    return f"{error.node_operator()} ({error.node_name()}): {error.desc()}"


def _set_precision(api: TensorRt, config: Any, job: Job) -> None:
    flags = api.module.BuilderFlag
    if job.precision != "tf32":
        config.clear_flag(flags.TF32)
    if api.flavor == "tensorrt" and api.generation < 10:
        wanted = {"fp16": ("FP16",), "int8": ("INT8", "FP16")}.get(job.precision, ())
        for name in wanted:
            config.set_flag(getattr(flags, name))


def _set_for_tensorrt8(api: TensorRt, network: Any, config: Any, job: Job) -> None:
    """Set what later versions do by default.

    External libraries (cuBLAS, cuDNN) are neither needed nor always installed. Several
    contexts share one profile. Precision flags are only hints in a weakly typed network:
    decoding is kept in float32 by constraint.
    """
    if api.flavor != "tensorrt" or api.generation >= 10:
        return
    trt = api.module
    sources = trt.TacticSource
    own = (sources.EDGE_MASK_CONVOLUTIONS, sources.JIT_CONVOLUTIONS)
    config.set_tactic_sources(sum(1 << int(source) for source in own))
    for name in ("DISABLE_EXTERNAL_TACTIC_SOURCES_FOR_CORE_0805", "PROFILE_SHARING_0806"):
        if hasattr(trt.PreviewFeature, name):
            config.set_preview_feature(getattr(trt.PreviewFeature, name), True)  # noqa: FBT003
    if job.precision not in {"fp16", "int8"}:
        return
    config.set_flag(trt.BuilderFlag.OBEY_PRECISION_CONSTRAINTS)
    for index in range(network.num_layers):
        layer = network.get_layer(index)
        is_float = all(
            layer.get_output(k).dtype == trt.DataType.FLOAT for k in range(layer.num_outputs)
        )
        if is_float and not any(name in layer.name for name in job.network):
            layer.precision = trt.DataType.FLOAT
            for k in range(layer.num_outputs):
                layer.set_output_type(k, trt.DataType.FLOAT)


def _set_targets(api: TensorRt, config: Any, job: Job) -> None:
    if not job.targets:
        return
    known = api.module.ComputeCapability
    config.num_compute_capabilities = len(job.targets)
    for place, target in enumerate(job.targets):
        name = "SM" + target.replace(".", "")
        if not hasattr(known, name):
            raise EngineError(
                f"{api.title} does not build for compute capability {target}",
                fix=f"it knows {', '.join(targets_of(api))}",
            )
        config.set_compute_capability(getattr(known, name), place)


def targets_of(api: TensorRt) -> list[str]:
    """Compute capabilities that TensorRT for RTX builds for, such as ``8.9``."""
    names = [n for n in dir(api.module.ComputeCapability) if n.startswith("SM") and n[2:].isdigit()]
    return [f"{name[2:-1]}.{name[-1]}" for name in sorted(names, key=lambda n: int(n[2:]))]


def _set_profile(api: TensorRt, builder: Any, config: Any, job: Job) -> None:
    height, width = job.input_hw
    profile = builder.create_optimization_profile()
    shapes = [(n, height, width, 3) for n in (job.min_batch, job.best_batch, job.max_batch)]
    profile.set_shape("crops", *shapes)
    if config.add_optimization_profile(profile) < 0:
        raise EngineError(
            f"{api.title} refuses batches {job.min_batch} to {job.max_batch}: "
            f"{api.log.last_errors()}",
            fix="choose another --max-batch",
        )


def _load_timing_cache(api: TensorRt, config: Any, job: Job) -> Any:
    """Kernel times from earlier builds; TensorRT for RTX measures nothing."""
    if not job.timing_cache or api.flavor == "tensorrt-rtx":
        return None
    data = b""
    with suppress(OSError), open_regular(Path(job.timing_cache)) as file:
        data = unseal(file.read()) or b""  # somebody else's is not read
    cache = config.create_timing_cache(data)
    if not config.set_timing_cache(cache, ignore_mismatch=False):
        api.log.errors.clear()  # of another GPU or version: start a new one
        cache = config.create_timing_cache(b"")
        config.set_timing_cache(cache, ignore_mismatch=False)
    return cache


def _listener(messages: list[str], *, is_verbose: bool) -> Any:
    def listen(message: str) -> None:
        if "LayerType:" in message:
            messages.append(message)
        if is_verbose:
            _say(message, to_error=True)

    return listen


def _report_progress(trt: Any, config: Any) -> None:
    """Print phases as lines, if this TensorRT reports them (8.6 does not)."""
    if not hasattr(trt, "IProgressMonitor"):
        return

    class Monitor(trt.IProgressMonitor):  # type: ignore[misc]
        def __init__(self) -> None:
            trt.IProgressMonitor.__init__(self)
            self._steps: dict[str, int] = {}

        def phase_start(self, name: str, parent: str | None, count: int) -> None:
            self._steps[name] = count
            if parent is None or count > 1:
                _say(f"{PROGRESS}{name}")

        def step_complete(self, name: str, step: int) -> bool:
            count = self._steps.get(name, 0)
            if count >= 20:
                _say(f"{PROGRESS}{name} {step + 1}/{count}")
            return True

        def phase_finish(self, name: str) -> None:
            self._steps.pop(name, None)

    config.progress_monitor = Monitor()


def _say(text: str, *, to_error: bool = False) -> None:
    print(text, flush=True, file=sys.stderr if to_error else sys.stdout)


def main() -> int:
    """Read the job, build, write the result; expected failures are part of the result."""
    data = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    for key in ("targets", "input_hw", "convolutions", "network"):
        data[key] = tuple(data[key])
    job = Job(**data)
    try:
        result = build(job)
    except SteadyposeError as error:
        result = {"error": error.what, "fix": error.fix}
    Path(job.result).write_text(json.dumps(result), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
