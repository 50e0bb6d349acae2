"""Build a TensorRT engine from a model file, and prove that it computes the same.

    python export/build_trt.py                        # TensorRT's network, for this machine's GPU
    python export/build_trt.py --fetch                # first its more accurate, published weights
    python export/build_trt.py --flavor tensorrt-rtx  # needs no GPU to build

The engine goes to engines/built/ with a JSON beside it; run.py finds it there by itself.
Where the engine can run, it is compared with the model file before it is called good.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from datetime import datetime, timezone
from functools import partial
from pathlib import Path

if not __package__:  # run as a script: names are found from the root, not from this folder
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from steadypose.export.trt.options import parse, trial_of
from steadypose.realtime.command.options.parser import require, run_command
from steadypose.realtime.command.own_files import BAD

if __name__ == "__main__":
    if {"-h", "--help"} & set(sys.argv[1:]):  # needs none of what building needs
        parse(None, description=__doc__)
    require("onnx", requirements="requirements-export.txt")

import onnx

from steadypose.engines.backends.tensorrt.api import TensorRt, load_tensorrt
from steadypose.engines.backends.tensorrt.cuda_driver import Device, load_driver
from steadypose.engines.engine_file import (
    BUILT,
    EngineInfo,
    StaleEngineError,
    prepare_key,
    sidecar_of,
    write_engine,
)
from steadypose.engines.errors import EngineError, EngineUnavailableError, UsageError
from steadypose.engines.file_io import sha256_of, write_model_file
from steadypose.engines.foreign.private import check_private
from steadypose.engines.model_file import read_spec
from steadypose.engines.spec import ModelSpec
from steadypose.export.trt.builder import Job, targets_of
from steadypose.export.trt.network import choose_network
from steadypose.export.trt.precision import layers_with_weights, network_nodes
from steadypose.export.trt.prepared import prepare
from steadypose.export.trt.process import run_builder

_TYPE_OF = {"fp16": "half", "fp32": "float", "tf32": "float", "int8": "int8"}
# TensorRT for RTX without --target builds for these; Turing (7.5) must be asked for.
_RTX_DEFAULT = ("8.0", "8.6", "8.9", "12.0", "12.1")


def check_built(built: dict[str, int], precision: str) -> str:
    """What the layers with weights became, in words.

    Raises:
        EngineError: The precision that was asked for was not built at all.
    """
    known = {kind: count for kind, count in built.items() if kind != "other"}
    if not known:
        return "TensorRT did not say which types it built, so the precision is not proved"
    text = ", ".join(f"{count} {kind}" for kind, count in sorted(built.items()))
    share = known.get(_TYPE_OF[precision], 0) / sum(known.values())
    # int8: the deconvolutions and, as we ask, the first and last layer stay float.
    if share < (0.5 if precision == "int8" else 0.9):
        raise EngineError(
            f"{precision} was asked for, but the layers with weights were built as {text}",
            fix="build with --precision fp32, or report this with the output of --verbose",
        )
    return f"layers with weights: {text}"


def find_device(index: int = 0) -> Device | str:
    """This machine's GPU of that number, or why there is none."""
    try:
        return load_driver().device(index)
    except EngineError as error:
        return error.what


def build(arguments: argparse.Namespace) -> list[str]:
    """Do what the command line says; returns what to tell the user."""
    if arguments.onnx is not None:
        read_spec(arguments.onnx)  # a wrong file is said before anything of CUDA
    device = find_device(arguments.device)
    if arguments.flavor == "tensorrt" and isinstance(device, str):
        raise EngineUnavailableError(
            f"TensorRT builds only on the GPU it builds for: {device}",
            fix="build on that machine, or use --flavor tensorrt-rtx",
        )
    api = _choose(arguments.flavor, device)
    prepare_key()
    if arguments.onnx is None:  # asked only where something can be built
        arguments.onnx = choose_network(is_fetching=arguments.fetch)
    spec = read_spec(arguments.onnx)
    losses: list[str] = []
    model = prepare(
        arguments.onnx,
        api,
        precision=arguments.precision,
        quantize=partial(_quantize, arguments, losses),
    )
    data = model.SerializeToString()
    if arguments.save_onnx:
        write_model_file(data, arguments.save_onnx)
    plan, result = run_builder(
        _job(arguments, spec, model, api, device),
        onnx_bytes=data,
        is_verbose=arguments.verbose,
    )
    built = check_built(result["built"], arguments.precision)
    info = EngineInfo(
        spec=spec,
        onnx=arguments.onnx.name,
        onnx_sha256=sha256_of(arguments.onnx),
        flavor=api.flavor,
        version=result["version"],
        precision=arguments.precision,
        built=result["built"],
        max_batch=arguments.max_batch,
        gpu=device.name if isinstance(device, Device) and api.flavor == "tensorrt" else "",
        capabilities=_capabilities(arguments, api, device),
        built_at=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        build_s=round(result["build_s"], 2),
        notes={"opset": str(model.opset_import[0].version), "layers": str(result["layers"])},
    )
    output = arguments.output or BUILT / info.file_name()  # where run.py finds it
    # Under a name that run.py does not look for, until it is proved.
    trial = trial_of(output)
    info = write_engine(trial, plan, info)
    try:
        verdict = _prove(trial, arguments, device)
    except BaseException:
        for path in (trial, sidecar_of(trial)):
            path.replace(path.with_name(path.name + BAD))
        raise
    for path, final in ((sidecar_of(trial), sidecar_of(output)), (trial, output)):
        path.replace(final)
    if arguments.plan:
        write_model_file(plan, arguments.plan)
    return [
        f"{output}: {len(plan) / 1e6:.1f} MB, {api.title}, built in {info.build_s:.1f} s, "
        f"{result['layers']} layers; {built}; for {', '.join(info.capabilities)}",
        *losses,
        verdict,
    ]


def _quantize(
    arguments: argparse.Namespace,
    losses: list[str],
    model: onnx.ModelProto,
    has_float_weights: bool,  # noqa: FBT001 - ``prepare`` calls it
) -> onnx.ModelProto:
    """Calibrate on the pictures that were named, and measure what it costs."""
    from steadypose.export.checking.pck import told_loss  # noqa: PLC0415
    from steadypose.export.checking.real_crops import gather_crops  # noqa: PLC0415
    from steadypose.export.quantize import quantize  # noqa: PLC0415  # needs onnxruntime

    spec = read_spec(arguments.onnx)
    crops = gather_crops(arguments.calibration, spec, count=arguments.calibration_crops)
    made = quantize(model, crops, has_float_weights=has_float_weights)
    losses.append(told_loss(model, made, spec))
    return made


def _choose(flavor: str, device: Device | str) -> TensorRt:
    """TensorRT where it can build, else TensorRT for RTX."""
    if flavor != "auto":
        return load_tensorrt(flavor)  # type: ignore[arg-type]
    if isinstance(device, Device):
        return load_tensorrt("auto")
    try:
        return load_tensorrt("tensorrt-rtx")
    except EngineUnavailableError as error:
        raise EngineUnavailableError(
            f"{device}, and only TensorRT for RTX builds without a GPU: {error.what}",
            fix="pip install tensorrt-rtx, or build on the machine with the GPU",
        ) from error


def _job(
    arguments: argparse.Namespace,
    spec: ModelSpec,
    model: onnx.ModelProto,
    api: TensorRt,
    device: Device | str,
) -> Job:
    nodes = network_nodes(model)
    if arguments.target and api.flavor != "tensorrt-rtx":
        raise UsageError(
            "--target is for TensorRT for RTX; TensorRT builds for the GPU that is here",
            fix="leave it out, or add --flavor tensorrt-rtx",
        )
    return Job(
        onnx="",
        plan="",
        result="",
        flavor=api.flavor,
        precision=arguments.precision,
        min_batch=1,
        best_batch=1,
        max_batch=arguments.max_batch,
        input_hw=spec.input_hw,
        convolutions=tuple(n.name for n in layers_with_weights(nodes)),
        network=tuple(n.name for n in nodes),
        outside=tuple({n.name for n in model.graph.node} - {n.name for n in nodes}),
        workspace_mib=arguments.workspace,
        targets=_targets(arguments, api, device),
        device=arguments.device,
        timing_cache=_timing_cache(api, device),
    )


def _timing_cache(api: TensorRt, device: Device | str) -> str:
    """Where TensorRT's measurements for this GPU lie; empty: it makes none.

    Raises:
        RecordError: Others could have laid something there.
    """
    if not isinstance(device, Device) or api.flavor != "tensorrt":
        return ""
    BUILT.mkdir(parents=True, exist_ok=True)
    check_private(BUILT)
    sm = device.capability.replace(".", "")
    return str(BUILT / f"timing-sm{sm}-trt{api.version}.cache")


def _capabilities(
    arguments: argparse.Namespace, api: TensorRt, device: Device | str
) -> tuple[str, ...]:
    if api.flavor == "tensorrt":
        assert isinstance(device, Device)
        return (device.capability,)
    return _targets(arguments, api, device) or tuple(
        t for t in targets_of(api) if t in _RTX_DEFAULT
    )


def _targets(arguments: argparse.Namespace, api: TensorRt, device: Device | str) -> tuple[str, ...]:
    """What TensorRT for RTX is to build for; empty: its default list, which lacks some GPUs."""
    if arguments.target or api.flavor != "tensorrt-rtx" or isinstance(device, str):
        return tuple(arguments.target)
    here = device.capability
    return () if here in _RTX_DEFAULT or here not in targets_of(api) else (here,)


def _prove(output: Path, arguments: argparse.Namespace, device: Device | str) -> str:
    """Compare the engine with its model file, where it can run.

    Raises:
        EngineError: It computes something else, and ``--force`` was not given.
    """
    if isinstance(device, str):
        return f"not run here, so not proved: {device}"
    from steadypose.export.checking.parity import compare_engine, write_worst  # noqa: PLC0415

    try:
        verdict, worst = compare_engine(
            output,
            arguments.onnx,
            precision=arguments.precision,
            source=arguments.check_source,
            device=arguments.device,
        )
    except (EngineUnavailableError, StaleEngineError) as error:
        return f"built, but it cannot be run here, so not proved: {error.what}"
    if worst is None or arguments.force:
        return verdict
    picture = write_worst(worst, output)
    raise EngineError(
        f"the engine computes something else: {verdict}; worst is {worst.told()}, see {picture}",
        fix="try --precision fp32; --force keeps it (it lies beside as .bad)",
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Entry; returns the exit code."""
    return run_command(lambda: build(parse(argv, description=__doc__)))


if __name__ == "__main__":
    sys.exit(main())
