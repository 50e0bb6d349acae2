"""Which of the engines that were built here fits a model file and this machine."""

from __future__ import annotations

from pathlib import Path

from steadypose.engines.engine_file import (
    BUILT,
    SUFFIX,
    EngineInfo,
    Present,
    StaleEngineError,
    build_command,
    read_info,
)
from steadypose.engines.errors import ModelFileError

_PREFERENCE = ("int8", "fp32", "tf32", "fp16")


def find_engine(model: Path, now: Present, *, folder: Path = BUILT) -> tuple[Path, EngineInfo]:
    """The built engine of a model file that fits here.

    Args:
        model: The model file.
        now: The machine; its ``onnx_sha256`` and ``spec`` are those of the model file.
        folder: Where engines were built to.

    Returns:
        Path and info of the one that fits; with several, half precision first, then tf32,
        then fp32, then the newest; int8 only where it was asked for.

    Raises:
        StaleEngineError: None fits; the message says what is different about the nearest.
    """
    fitting, reasons = [], []
    for sidecar in sorted(folder.glob(f"*{SUFFIX}.json")):
        path = sidecar.with_suffix("")
        try:
            info = read_info(path)
        except ModelFileError:
            continue  # a damaged neighbour is no reason to stop
        if info.spec.name != now.spec.name if now.spec else False:
            continue
        differences = info.what_differs(now)
        if differences:
            reasons.append((len(differences), f"{path.name}: {'; '.join(differences)}"))
        else:
            if info.precision == "int8" and now.precision != "int8":
                continue  # it may cost accuracy: only for who asks for it
            rank = _PREFERENCE.index(info.precision) if info.precision in _PREFERENCE else -1
            fitting.append((rank, info.built_at, path, info))
    if not fitting:
        told = f"; nearest is {min(reasons)[1]}" if reasons else ""
        raise StaleEngineError(
            f"no TensorRT engine of {model.name} is built for {now.gpu} ({now.capability}) "
            f"with {now.flavor} {now.version}{told}",
            command=build_command(model, now.precision, device=now.device),
        )
    _, _, path, info = max(fitting, key=lambda found: found[:2])
    return path, info
