"""The Engine protocol: what every backend offers and the app relies on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from steadypose.engines.errors import EngineError, ShapeError
from steadypose.engines.spec import ModelSpec
from steadypose.engines.wording import advice


@runtime_checkable
class Engine(Protocol):
    """A loaded model file on one backend: crops in, keypoints out.

    Threading: create, use and close an engine on one thread. TensorRT binds its
    CUDA context to the creating thread.

    Ownership: returned arrays may be the engine's own buffers. They are valid
    until the next ``start`` or ``close``; copy them to keep them. The crops given
    to ``start`` must not change before ``finish``.

    Overlap: ``start`` hands a batch over and returns; the caller works on the
    last frame meanwhile; ``finish`` waits for the batch. A backend that cannot
    overlap computes inside ``finish``.
    """

    @property
    def spec(self) -> ModelSpec:
        """Crop size, skeleton and provenance of the loaded model."""
        ...

    @property
    def label(self) -> str:
        """Backend, precision and threads, for the HUD and reports."""
        ...

    def start(self, crops: NDArray[np.uint8]) -> None:
        """Begin to find the keypoints of every crop.

        Args:
            crops: (N, H, W, 3) uint8, BGR, C-contiguous, N at least 1.

        Raises:
            ShapeError: ``crops`` does not match ``spec``.
            EngineError: The last batch was not finished, or the engine is closed.
        """
        ...

    def finish(self) -> NDArray[np.float32]:
        """Wait for the batch given to ``start``.

        Returns:
            (N, K, 3) float32 of the most central person in each crop: x and y in crop
            pixels, score in [0, 1].

        Raises:
            EngineError: The backend failed, nothing was started, or it is closed.
        """
        ...

    @property
    def others(self) -> NDArray[np.float32]:
        """(N, spec.others, K, 3) float32: further people in the crops of the last finished batch.

        Roughly placed, the likeliest first; valid for as long as the array from ``finish``.
        """
        ...

    @property
    def took_ms(self) -> float:
        """What the last finished batch took, milliseconds, without waiting for ``finish``."""
        ...

    def infer(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        """``start`` and ``finish`` in one call, for callers with nothing to do meanwhile."""
        ...

    def close(self) -> None:
        """Free device memory. Safe to call twice."""
        ...


class Place(Protocol):
    """Where a crop lies in its frame: whole frame pixels (``realtime.tracking.crop``)."""

    @property
    def left(self) -> int:
        """Frame x of its left edge; may lie outside, as the others may."""
        ...

    @property
    def top(self) -> int:
        """Frame y of its upper edge."""
        ...

    @property
    def width(self) -> int:
        """Frame pixels, a multiple of 2 to the power of ``halvings``."""
        ...

    @property
    def height(self) -> int:
        """Likewise."""
        ...

    @property
    def halvings(self) -> int:
        """How often it is halved before interpolation."""
        ...


@dataclass(slots=True, eq=False)
class Uncut:
    """Crops of one frame that whoever computes is to cut.

    Attributes:
        image_bgr: (H, W, 3) uint8 frame; it must not change before ``finish``.
        places: Of the crops.
        cut: Cuts one on the CPU: frame, place, and the (h, w, 3) uint8 crop to fill.
        usual: Places as in most frames to come, to measure with; may be empty.
        staged: What an engine has prepared of it.
    """

    image_bgr: NDArray[np.uint8]
    places: Sequence[Place]
    cut: Callable[[NDArray[np.uint8], Any, NDArray[np.uint8]], None]
    usual: Sequence[Place] = ()
    staged: Any = None

    def __len__(self) -> int:
        """How many crops."""
        return len(self.places)


@runtime_checkable
class Cutter(Engine, Protocol):
    """An engine that may cut crops out of frames itself."""

    @property
    def is_cutting(self) -> bool:
        """Whether it wants frames now; asked for each, since it may change."""
        ...

    def stage(self, part: Uncut) -> None:
        """Prepare what can be before ``start_uncut``, while another batch is worked on."""
        ...

    def start_uncut(self, parts: Sequence[Uncut]) -> None:
        """``start`` for the crops of one or several frames, in this order.

        It takes them also where ``is_cutting`` has just become false.

        Args:
            parts: At least one crop.

        Raises:
            EngineError: As ``start``.
        """
        ...


def as_cutter(engine: Engine) -> Cutter | None:
    """The engine, where it may cut crops itself.

    To be asked once for each engine: looking at a protocol's members takes some 30 microseconds
    before Python 3.12.
    """
    return engine if isinstance(engine, Cutter) else None


def cut_all(parts: Sequence[Uncut], size_hw: tuple[int, int]) -> NDArray[np.uint8]:
    """(N, h, w, 3) crops of all parts, cut on the CPU."""
    crops = np.empty((sum(map(len, parts)), *size_hw, 3), np.uint8)
    places = ((part, place) for part in parts for place in part.places)
    for crop, (part, place) in zip(crops, places, strict=True):
        part.cut(part.image_bgr, place, crop)
    return crops


def check_crops(crops: NDArray[np.uint8], spec: ModelSpec) -> None:
    """Refuse a batch that does not fit the model.

    Raises:
        ShapeError: Not (N >= 1, H, W, 3) uint8 C-contiguous of the spec's size.
    """
    height, width = spec.input_hw
    if (
        crops.dtype != np.uint8
        or crops.ndim != 4
        or crops.shape[0] < 1
        or crops.shape[1:] != (height, width, 3)
        or not crops.flags.c_contiguous
    ):
        raise ShapeError(
            f"crops are {crops.dtype} {crops.shape}, model {spec.name} takes "
            f"contiguous uint8 (N, {height}, {width}, 3)",
            fix="cut crops with steadypose.realtime.tracking.crop at the size in the model's spec",
        )


def check_output_shape(shape: tuple[int, ...], spec: ModelSpec, batch: int) -> None:
    """Refuse an output that contradicts the model's own spec.

    Raises:
        EngineError: ``shape`` is not (batch, spec.output_rows, 3).
    """
    if shape != (batch, spec.output_rows, 3):
        raise EngineError(
            f"model {spec.name} returned {shape}, its spec promises "
            f"({batch}, {spec.output_rows}, 3)",
            fix=advice.EXPORT_AGAIN,
        )


def split_people(
    output: NDArray[np.float32], spec: ModelSpec
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """A model's output, (N, spec.output_rows, 3), as ``finish`` and ``others`` give it: views."""
    k = spec.keypoint_count
    return output[:, :k], output[:, k:].reshape(len(output), spec.others, k, 3)


def no_people(spec: ModelSpec) -> NDArray[np.float32]:
    """What ``others`` is before anything was finished."""
    return np.empty((0, spec.others, spec.keypoint_count, 3), np.float32)


class Turns:
    """Keeps start, finish and close in a legal order, for every backend alike."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._is_started = False
        self._is_closed = False

    def start(self) -> None:
        """Note that a batch was handed over."""
        self._require_open()
        if self._is_started:
            raise EngineError(
                f"{self._name}: start was called twice", fix="call finish before the next start"
            )
        self._is_started = True

    def finish(self) -> None:
        """Note that a batch is being fetched."""
        self._require_open()
        if not self._is_started:
            raise EngineError(f"{self._name}: nothing was started", fix="call start before finish")
        self._is_started = False

    def close(self) -> bool:
        """Note the end; False when it was closed before."""
        was_open = not self._is_closed
        self._is_closed = True
        return was_open

    def _require_open(self) -> None:
        if self._is_closed:
            raise EngineError(f"{self._name}: the engine is closed", fix="open a new engine")
