"""From a model file to a running TensorRT engine, each step checked before the next."""

from __future__ import annotations

import dataclasses
from contextlib import suppress
from pathlib import Path

from steadypose.engines.backends.tensorrt.api import MODULES, TensorRt, load_tensorrt
from steadypose.engines.backends.tensorrt.cropping import Cropping
from steadypose.engines.backends.tensorrt.cuda_driver import load_driver
from steadypose.engines.backends.tensorrt.cuda_memory import open_memory
from steadypose.engines.backends.tensorrt.engine import TensorRtEngine
from steadypose.engines.backends.tensorrt.finding import find_engine
from steadypose.engines.engine_file import (
    BUILT,
    SUFFIX,
    EngineInfo,
    Present,
    StaleEngineError,
    build_command,
    read_info,
    read_plan,
)
from steadypose.engines.errors import (
    EngineUnavailableError,
    ModelFileError,
    UntrustedEngineError,
)
from steadypose.engines.file_io import sha256_of
from steadypose.engines.options import EngineOptions
from steadypose.engines.spec import ModelSpec
from steadypose.engines.wording.advice import BUILD_AGAIN


def open_tensorrt(path: Path, spec: ModelSpec, options: EngineOptions) -> TensorRtEngine:
    """Find, check and load the engine of a model file, or an engine file itself.

    Each step is checked before the next could crash: driver, package, buffers, engine.

    Args:
        path: A model file, whose engine is looked up in ``engines/built``, or an engine.
        spec: Contract of the model.
        options: Its precision chooses among engines.

    Raises:
        EngineUnavailableError: No driver, TensorRT or buffer package.
        StaleEngineError: No engine fits.
        UntrustedEngineError: Somebody else built the engine.
        ModelFileError: The engine file is damaged.
        EngineError: TensorRT refuses it.
    """
    is_engine = path.suffix == SUFFIX
    info = read_info(path) if is_engine else None
    if info is not None and not (options.is_trusting or info.is_ours):
        raise _untrusted(path)
    if info is not None and info.flavor not in MODULES:
        raise ModelFileError(f"{path} is for {info.flavor!r}", fix="build it again")
    driver = load_driver()
    device = driver.device(options.device)
    api = load_tensorrt(info.flavor if info else "auto")  # type: ignore[arg-type]
    now = Present(
        api.flavor,
        api.version,
        device.name,
        device.capability,
        options.precision,
        is_trusting=options.is_trusting,
        device=options.device,
    )
    if info is None:
        now = dataclasses.replace(now, onnx_sha256=sha256_of(path), spec=spec)
        path, info, api = _find_built(path, now, api)
    elif differences := info.what_differs(now):
        raise StaleEngineError(
            f"{path.name} cannot run here: {'; '.join(differences)}",
            command=build_command(None, options.precision, device=options.device),
        )
    plan = read_plan(path, info)
    return TensorRtEngine(
        plan,
        info,
        api=api,
        driver=driver,
        memory=open_memory(device.index),
        gpu=device.name,
        is_blocking=options.is_blocking,
        cache=path.with_name(path.name + ".cache"),
        cropping=Cropping(options.crops, capability=device.capability, cuda=device.driver),
    )


def _untrusted(path: Path) -> UntrustedEngineError:
    return UntrustedEngineError(
        f"{path} was not built by you on this machine, and loading an engine runs its code",
        fix=f"{BUILD_AGAIN}; or, if you trust whoever built it, add --trust-engine",
    )


def _find_built(path: Path, now: Present, api: TensorRt) -> tuple[Path, EngineInfo, TensorRt]:
    """An engine for the installed TensorRT; with both products installed, of either."""
    try:
        return (*find_engine(path, now, folder=BUILT), api)
    except StaleEngineError as stale:
        with suppress(EngineUnavailableError, StaleEngineError):
            other = load_tensorrt("tensorrt-rtx")
            now = dataclasses.replace(now, flavor=other.flavor, version=other.version)
            return (*find_engine(path, now, folder=BUILT), other)
        raise stale from None
