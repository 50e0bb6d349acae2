"""An engine that survives the loss of its GPU: once on the GPU again, then on the CPU.

A driver that restarts, a card that falls off the bus or an error that CUDA keeps for the rest of a
context ends every later call. The engine is closed, which gives its context back, and opened in a
fresh one; if that fails, or happens again, the same network goes on on the CPU. Each change is
said, and shown in the label; the run and its recordings go on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from steadypose.engines.base import Engine, Uncut, as_cutter, cut_all
from steadypose.engines.engine_file import SUFFIX, read_info
from steadypose.engines.errors import EngineError, SteadyposeError, UsageError
from steadypose.engines.file_io import sha256_of
from steadypose.engines.options import EngineOptions, default_threads
from steadypose.engines.registry import Opened, open_engine
from steadypose.engines.skeletons.skeleton import Skeleton
from steadypose.engines.spec import ModelSpec
from steadypose.realtime.model.places import MODELS

Opener = Callable[[], Engine]


@runtime_checkable
class Telling(Protocol):
    """An engine that goes on by itself, and tells."""

    def listen(self, say: Callable[[str], None]) -> None:
        """Call ``say`` with a sentence at each change."""
        ...


def recovering(
    opened: Opened,
    model: Path,
    options: EngineOptions,
    *,
    say: Callable[[str], None],
    skeleton: Skeleton | None = None,
) -> Engine:
    """The engine of a run; one on a GPU with its successors.

    Args:
        opened: As it was opened.
        model: The model file, or an engine file.
        options: With which.
        say: Called with a sentence at each change.
        skeleton: Names of its keypoints instead of the model file's.

    Raises:
        UsageError: The skeleton has another number of keypoints; the engine is closed.
    """
    if isinstance(opened.engine, Telling):
        opened.engine.listen(say)
    spec = _renamed(opened.engine, skeleton)
    if opened.backend != "tensorrt":
        if options.crops == "device":
            say("crops are cut by the CPU: --crops device is for TensorRT")
        if skeleton is None:
            return opened.engine
        return RecoveringEngine(opened.engine, (), say=say, spec=spec)
    # What failed may have been the cutting.
    again = partial(_open, model, "tensorrt", replace(options, crops="cpu"))
    source = _model_file(model)
    if source is None:
        return RecoveringEngine(opened.engine, (again,), say=say, spec=spec)
    on_cpu = replace(options, precision="auto", threads=default_threads())
    successors = (again, partial(_open, source, "auto", on_cpu))
    return RecoveringEngine(opened.engine, successors, say=say, spec=spec)


def _renamed(engine: Engine, skeleton: Skeleton | None) -> ModelSpec:
    if skeleton is None:
        return engine.spec
    count = engine.spec.keypoint_count
    if len(skeleton) != count:
        engine.close()
        raise UsageError(
            f"the network {engine.spec.name} gives {count} keypoints, the skeleton "
            f"{skeleton.name} has {len(skeleton)}",
            fix="leave out --skeleton, or give one with as many, in the network's order",
        )
    return replace(engine.spec, skeleton=skeleton)


def _open(path: Path, backend: str, options: EngineOptions) -> Engine:
    leave_out = () if backend == "tensorrt" else ("tensorrt",)
    return open_engine(path, backend=backend, options=options, leave_out=leave_out).engine


def _model_file(model: Path) -> Path | None:
    """What the CPU can run; of an engine file, the model file it was built from, if it is here."""
    if model.suffix != SUFFIX:
        return model
    with suppress(SteadyposeError, OSError):
        info = read_info(model)
        source = MODELS / Path(info.onnx).name
        if sha256_of(source) == info.onnx_sha256:
            return source
    return None


class RecoveringEngine:
    """Passes everything on to an engine, and to its successor when it fails.

    Args:
        engine: The first one; owned.
        successors: Open the next ones, in order, each at most once.
        say: Called with a sentence at each change.
        spec: What it says of itself; default: what the first one does.

    Attributes:
        spec: Contract of the model, the same for all.
        is_lost: The last of several has failed: only a new process may do better.
    """

    def __init__(
        self,
        engine: Engine,
        successors: tuple[Opener, ...],
        *,
        say: Callable[[str], None],
        spec: ModelSpec | None = None,
    ) -> None:
        self._engine, self._cutter = engine, as_cutter(engine)
        self.spec, self._say = spec or engine.spec, say
        self._successors = list(successors)
        self._may_lose = bool(successors)
        self.is_lost = False
        self._crops: NDArray[np.uint8] | Sequence[Uncut] | None = None
        self._is_closed = False

    @property
    def label(self) -> str:
        """Of the engine that works now."""
        return self._engine.label

    @property
    def took_ms(self) -> float:
        """See ``Engine.took_ms``."""
        return self._engine.took_ms

    @property
    def others(self) -> NDArray[np.float32]:
        """See ``Engine.others``."""
        return self._engine.others

    @property
    def is_cutting(self) -> bool:
        """See ``Cutter.is_cutting``."""
        return self._cutter is not None and self._cutter.is_cutting

    def stage(self, part: Uncut) -> None:
        """See ``Cutter.stage``."""
        if self._cutter is not None:
            self._cutter.stage(part)

    def start(self, crops: NDArray[np.uint8]) -> None:
        """See ``Engine.start``; a failure is dealt with at once."""
        self._start(crops)
        self._crops = crops

    def start_uncut(self, parts: Sequence[Uncut]) -> None:
        """See ``Cutter.start_uncut``; a failure is dealt with at once."""
        self._start(parts)
        self._crops = parts

    def finish(self) -> NDArray[np.float32]:
        """See ``Engine.finish``; the batch of a lost engine is computed again."""
        crops, self._crops = self._crops, None
        while True:
            try:
                return self._engine.finish()
            except EngineError as error:
                if crops is None:
                    raise  # nothing was started: a mistake of the caller
                self._replace(error)
                self._start(crops)

    def _start(self, crops: NDArray[np.uint8] | Sequence[Uncut]) -> None:
        """Start on this engine, or on the first successor that takes it."""
        while True:
            try:
                if isinstance(crops, np.ndarray):
                    self._engine.start(crops)
                elif self._cutter is not None:
                    self._cutter.start_uncut(crops)
                else:
                    self._engine.start(cut_all(crops, self.spec.input_hw))
            except EngineError as error:
                self._replace(error)
            else:
                return

    def infer(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        """See ``Engine.infer``; a failure is dealt with at once."""
        while True:
            try:
                return self._engine.infer(crops)
            except EngineError as error:
                self._replace(error)

    def close(self) -> None:
        """Free the engine that works now. Safe to call twice."""
        self._is_closed = True
        self._engine.close()

    def _replace(self, error: EngineError) -> None:
        """Open a successor that works.

        Raises:
            EngineError: ``error``, where there is none left.
        """
        if self._is_closed:
            raise error
        if not self._successors:  # one failure is no reason to close what nothing replaces
            self.is_lost = self._may_lose
            raise error
        with suppress(SteadyposeError):
            self._engine.close()
        reason = error
        while self._successors:
            opener = self._successors.pop(0)
            try:
                engine = opener()
            except SteadyposeError as failure:
                reason = failure if isinstance(failure, EngineError) else reason
                continue
            if engine.spec.input_hw != self.spec.input_hw:
                engine.close()
                continue
            self._engine, self._cutter = engine, as_cutter(engine)
            if isinstance(engine, Telling):
                engine.listen(self._say)
            self._say(f"the engine failed ({error.what}); the run goes on with {engine.label}")
            return
        self.is_lost = True
        raise reason
