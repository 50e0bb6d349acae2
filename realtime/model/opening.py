"""Open the engine of a run; on request build a TensorRT engine that is missing or stale."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from steadypose.engines import registry
from steadypose.engines.engine_file import SUFFIX, StaleEngineError
from steadypose.engines.errors import EngineError, SteadyposeError
from steadypose.engines.options import EngineOptions
from steadypose.engines.wording.advice import as_typed
from steadypose.engines.wording.printable import to_command
from steadypose.realtime.model.places import ROOT


def open_chosen(
    model: Path, *, backend: str, options: EngineOptions, is_auto_build: bool
) -> registry.Opened:
    """Open a model file, or an engine file, on a backend.

    Args:
        model: The file.
        backend: A name of ``registry.NAMES``.
        options: Precision and threads.
        is_auto_build: If TensorRT could run but has no engine that fits, build one
            first; it takes seconds to minutes.

    Raises:
        SteadyposeError: Nothing can run it, or the build failed.
    """
    if not (is_auto_build and backend in {"auto", "tensorrt"}):
        return registry.open_engine(model, backend=backend, options=options)
    try:
        return registry.open_engine(model, backend="tensorrt", options=options)
    except StaleEngineError as error:
        if model.suffix == SUFFIX:
            raise  # an engine file does not record where its model file lies
        try:
            build(error)
            return registry.open_engine(model, backend="tensorrt", options=options)
        except SteadyposeError:
            if backend == "tensorrt":
                raise
            return registry.open_engine(model, backend="auto", options=options)
    except SteadyposeError:
        if backend == "tensorrt":
            raise
        return registry.open_engine(model, backend="auto", options=options)


def build(missing: StaleEngineError) -> None:
    """Run the command that builds the missing engine and show its output.

    Raises:
        EngineError: It failed.
    """
    done = subprocess.run(  # noqa: S603 - our own script
        [sys.executable, *missing.command], cwd=ROOT, check=False
    )
    if done.returncode != 0:
        raise EngineError(
            f"{missing.what}, and building one failed (exit code {done.returncode})",
            fix=f"see above; by hand: {as_typed(to_command('python', *missing.command))}",
        ) from missing
