"""Build one TensorRT engine, as a child process of ``process``.

Not run by hand: ``build_trt.py`` starts ``python -m steadypose.export.trt.builder JOB.json`` and
reads progress from its output, then the plan and a result file.
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from steadypose.engines.backends.tensorrt.api import TensorRt, load_tensorrt
from steadypose.engines.backends.tensorrt.batches import buckets
from steadypose.engines.backends.tensorrt.cuda_driver import load_driver
from steadypose.engines.errors import EngineError, SteadyposeError
from steadypose.export.trt import tensorrt8, timing
from steadypose.export.trt.built_layers import (
    BuiltLayer,
    count_precisions,
    inspect_engine,
    parse_layers,
    reading_crops,
)

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
        convolutions: Names of the network's layers with weights, to report their precision.
        network: Names of all nodes of the network.
        outside: Names of the others, which are kept in float32 on TensorRT 8.
        device: Number of the GPU to build on.
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
    outside: tuple[str, ...] = ()
    device: int = 0
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
        driver = load_driver()
        driver.device(job.device)  # without a GPU, its builder is an object that crashes
        driver.make_current(job.device)
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
    _set_precision(api, network, config, job)
    _set_targets(api, config, job)
    _set_profile(api, builder, config, job)
    cache = timing.load(api, config, job.timing_cache)
    _report_progress(trt, config)
    begin_s = time.perf_counter()
    plan = builder.build_serialized_network(network, config)
    took_s = time.perf_counter() - begin_s
    if plan is None:
        raise EngineError(f"{api.title} cannot build it: {api.log.last_errors()}", fix=_FIX)
    Path(job.plan).write_bytes(bytes(plan))
    timing.save(cache, job.timing_cache)
    layers, source = _built_layers(api, plan, messages, job)
    return {
        "version": api.version,
        "build_s": took_s,
        "layers": len(layers),
        "built": count_precisions(layers, job.convolutions),
        "built_from": source,
        "readers_of_crops": len(reading_crops(layers)),
    }


def _built_layers(
    api: TensorRt, plan: Any, messages: list[str], job: Job
) -> tuple[list[BuiltLayer], str]:
    """The layers as the engine itself tells them, else as the log did, and which of the two."""
    layers = inspect_engine(api, plan, (job.best_batch, *job.input_hw, 3))
    if set(count_precisions(layers, job.convolutions)) - {"other"}:
        return layers, "inspector"
    return parse_layers(messages), "log"


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


def _set_precision(api: TensorRt, network: Any, config: Any, job: Job) -> None:
    flags = api.module.BuilderFlag
    if job.precision != "tf32":
        config.clear_flag(flags.TF32)
    if hasattr(flags, "REQUIRE_USER_ALLOCATION"):
        # TensorRT for RTX: nothing is allocated while running, so a graph can be recorded.
        config.set_flag(flags.REQUIRE_USER_ALLOCATION)
    if tensorrt8.is_old(api):
        tensorrt8.set_flags(api, config, job.precision)
        names = {"inside": set(job.network), "outside": set(job.outside)}
        tensorrt8.constrain(api, network, config, precision=job.precision, **names)


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
    shapes = [(n, height, width, 3) for n in (job.min_batch, job.best_batch, job.max_batch)]
    for _ in range(tensorrt8.profiles_wanted(api, len(buckets(job.max_batch)))):
        profile = builder.create_optimization_profile()
        profile.set_shape("crops", *shapes)
        if config.add_optimization_profile(profile) < 0:
            raise EngineError(
                f"{api.title} refuses batches {job.min_batch} to {job.max_batch}: "
                f"{api.log.last_errors()}",
                fix="choose another --max-batch",
            )


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
    for key in ("targets", "input_hw", "convolutions", "network", "outside"):
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
