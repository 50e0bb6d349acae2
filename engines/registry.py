"""Find the backend that runs a model file fastest here, and say why.

Backends are imported only when they are tried, so a package that is not installed
is a sentence and never a traceback.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path

import numpy as np

from steadypose.engines.base import Engine
from steadypose.engines.engine_file import SUFFIX, read_info
from steadypose.engines.errors import EngineError, EngineUnavailableError, SteadyposeError
from steadypose.engines.foreign.patience import ANSWER_WITHIN_S, NoAnswerError, answer_within
from steadypose.engines.model_file import read_spec
from steadypose.engines.options import EngineOptions
from steadypose.engines.spec import ModelSpec
from steadypose.engines.wording import advice

Opener = Callable[[Path, ModelSpec, EngineOptions], Engine]


@dataclass(frozen=True, slots=True)
class Backend:
    """Where a backend's code lives and what it needs.

    Attributes:
        name: Value of ``--backend``.
        module: Imported on first use.
        factory: Name of the engine class, or a function that makes one, in that module.
        package: What must be installed.
        requirements: The file that installs it.
        is_automatic: ``auto`` tries it.
    """

    name: str
    module: str
    factory: str
    package: str
    requirements: str
    is_automatic: bool = True


# Fastest first, by benchmarks/loop/backends.py; TensorRT is only taken where a GPU is.
BACKENDS = (
    Backend(
        "tensorrt",
        "steadypose.engines.backends.tensorrt.opening",
        "open_tensorrt",
        "tensorrt",
        "requirements-gpu.txt",
    ),
    Backend(
        "openvino",
        "steadypose.engines.backends.openvino_engine",
        "OpenVinoEngine",
        "openvino",
        "requirements.txt",
    ),
    Backend(
        "onnxruntime",
        "steadypose.engines.backends.onnxruntime_engine",
        "OnnxRuntimeEngine",
        "onnxruntime",
        "requirements-onnxruntime.txt",
    ),
    Backend(
        "remote",
        "steadypose.engines.backends.remote.opening",
        "open_remote",
        "tritonclient",
        "requirements-remote.txt",
        is_automatic=False,
    ),
)
NAMES = ("auto", *(backend.name for backend in BACKENDS))


@dataclass(frozen=True, slots=True)
class Opened:
    """An engine and how it came to be chosen.

    Attributes:
        engine: Warmed up, ready for crops.
        passed_over: A sentence for each faster backend that was not taken.
        open_s: Seconds from nothing to a warm engine.
        backend: Its name in ``BACKENDS``; empty where no backend was looked for.
    """

    engine: Engine
    passed_over: tuple[str, ...] = field(default=())
    open_s: float = 0.0
    backend: str = ""


def open_engine(
    path: Path, *, backend: str, options: EngineOptions, leave_out: Collection[str] = ()
) -> Opened:
    """Load a model file on a backend.

    Args:
        path: Model file, or a built TensorRT engine.
        backend: A name of ``BACKENDS``, or ``auto`` for the first that works.
        options: Precision and threads.
        leave_out: Backends that ``auto`` does not try, because the caller has.

    Raises:
        ModelFileError: The file is not a model file.
        EngineUnavailableError: The backend, or every one of them, cannot run here.
    """
    begin_s = time.perf_counter()
    is_built = path.suffix == SUFFIX
    spec = read_info(path).spec if is_built else read_spec(path)
    if is_built and backend == "auto":
        backend = "tensorrt"  # nothing else runs such a file, so its reason is the answer
    candidates = [
        entry
        for entry in BACKENDS
        if backend == entry.name
        or (backend == "auto" and entry.is_automatic and entry.name not in leave_out)
    ]
    if not candidates:
        raise EngineUnavailableError(
            f"there is no backend {backend!r}", fix=f"choose one of {', '.join(NAMES)}"
        )
    passed_over: list[str] = []
    last_fix = ""
    for entry in candidates:
        try:
            engine = _open(entry, path, spec, options)
        except _NoAnswerError:
            raise  # another backend would wait as long
        except SteadyposeError as error:
            if backend != "auto":
                raise
            passed_over.append(f"{entry.name}: {error.what}")
            last_fix = error.fix
        else:
            took_s = time.perf_counter() - begin_s
            return Opened(engine, tuple(passed_over), took_s, entry.name)
    raise EngineUnavailableError(
        f"no backend can run {path}: " + "; ".join(passed_over), fix=last_fix
    )


class _NoAnswerError(EngineError):
    """A network computes for ever, or as good as."""


def _open(entry: Backend, path: Path, spec: ModelSpec, options: EngineOptions) -> Engine:
    """Load and warm up, where no network can keep Ctrl-C from being heard.

    TensorRT stays on the thread that its context belongs to; its engines are ours.

    Raises:
        SteadyposeError: It cannot be loaded, fails, or does not answer.
    """
    load = _load(entry)

    def work() -> Engine:
        engine = load(path, spec, options)
        try:
            _warm_up(engine)
        except BaseException:
            engine.close()
            raise
        return engine

    if entry.name == "tensorrt":
        return work()
    try:
        return answer_within(work, ANSWER_WITHIN_S)
    except NoAnswerError:
        raise _NoAnswerError(
            f"{path} did not answer within {ANSWER_WITHIN_S:g} s on {entry.name}",
            fix="take another model file, or another --backend if you know that this one is good",
        ) from None


def _load(entry: Backend) -> Opener:
    try:
        module = import_module(entry.module)
    except (ImportError, OSError) as error:
        _let_interrupts_through(error)
        missing = getattr(error, "name", None) or entry.package
        others = [other.name for other in BACKENDS[1:] if other is not entry]
        raise EngineUnavailableError(
            f"backend {entry.name!r} needs {missing}, which is not installed or does not load",
            fix=f"{advice.install(entry.requirements)}, or run with --backend {others[0]}",
        ) from error
    opener: Opener = getattr(module, entry.factory)
    return opener


def _let_interrupts_through(error: BaseException) -> None:
    """Compiled modules turn a Ctrl-C during their import into an ImportError."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, KeyboardInterrupt):
            raise cause
        cause = cause.__cause__ or cause.__context__


def _warm_up(engine: Engine) -> None:
    height, width = engine.spec.input_hw
    for batch in (1, 2, 1):
        engine.infer(np.zeros((batch, height, width, 3), np.uint8))
