"""Whether the GPU cuts the crops: only where it can, does it as the CPU does, and is faster.

That is found out on the first frame of a run, at its true size, before its poses are looked for.
From the first failure on, crops are cut by the CPU; each change is said in a sentence.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from steadypose.engines.backends.tensorrt.cuda_driver import CudaDriver
from steadypose.engines.backends.tensorrt.cuda_memory import Bytes, CudaMemory
from steadypose.engines.backends.tensorrt.device_crop import SOURCE, DeviceCrops, Staged
from steadypose.engines.backends.tensorrt.nvrtc import compile_source
from steadypose.engines.base import Uncut, cut_all
from steadypose.engines.errors import EngineUnavailableError, SteadyposeError
from steadypose.engines.wording.advice import typed_here

_ROUNDS = 8  # of each way, in turn; the quickest counts
_MOST_APART = 1  # grey levels


class Cropping:
    """Who cuts the crops of one engine.

    Args:
        way: One of ``options.CROPS``.
        capability: Compute capability of the GPU.
        cuda: Newest CUDA of its driver.

    Attributes:
        crops: The GPU's; None where it cannot, or is not to.
        is_on: The GPU cuts them, as far as is known.
        is_tried: The first frame has been looked at.
    """

    def __init__(self, way: str = "cpu", *, capability: str = "", cuda: str = "") -> None:
        self._way, self._capability, self._cuda = way, capability, cuda
        self._say: Callable[[str], None] | None = None
        self._unsaid: list[str] = []
        self.crops: DeviceCrops | None = None
        self.is_on = self.is_tried = False

    @property
    def is_settled(self) -> bool:
        """The GPU cuts, and that was found to be right."""
        return self.is_on and self.is_tried

    def open(self, crop_hw: tuple[int, int], *, driver: CudaDriver, memory: CudaMemory) -> None:
        """Compile and load the kernel, unless the CPU is to cut; a failure is said."""
        if self._way == "cpu":
            return
        try:
            code = compile_source(
                SOURCE.read_bytes(), SOURCE.name, capability=self._capability, cuda=self._cuda
            )
            self.crops = DeviceCrops(code, crop_hw, driver=driver, memory=memory)
        except (SteadyposeError, OSError) as error:
            self._tell(f"crops are cut by the CPU: {_reason(error)}")
        else:
            self.is_on = True

    def listen(self, say: Callable[[str], None]) -> None:
        """Call ``say`` with a sentence at each change, and with those until now."""
        self._say = say
        for text in self._unsaid:
            say(text)
        self._unsaid.clear()

    def try_out(
        self,
        part: Uncut,
        *,
        most: int,
        fetch: Callable[[Sequence[Uncut]], Bytes],
        run: Callable[[Sequence[Uncut], bool], None],
    ) -> None:
        """Look at the first frame: are the crops right, and which way is faster?

        Args:
            part: Of that frame.
            most: Largest batch.
            fetch: The GPU's crops of a batch.
            run: Works on a batch to its end; the second says whether the GPU cuts.
        """
        self.is_tried = True
        assert self.crops is not None
        places = [*part.places, *part.usual]
        try:
            for first in range(0, len(places), most):
                sample = [replace(part, places=places[first : first + most], staged=None)]
                apart = _apart(fetch(sample), cut_all(sample, self.crops.crop_hw))
                if apart > _MOST_APART:
                    self.give_up(f"they differ from the CPU's by {apart} grey levels")
                    return
            if self._way == "auto":
                usual = list(part.usual or part.places)[:most]
                self._race([replace(part, places=usual, staged=None)], run)
        except SteadyposeError as error:
            self.give_up(error.what)

    def _race(self, sample: Sequence[Uncut], run: Callable[[Sequence[Uncut], bool], None]) -> None:
        took_ms: dict[bool, list[float]] = {True: [], False: []}
        for turn in range(2 * _ROUNDS + 2):
            begin_s = time.perf_counter()
            run(sample, turn % 2 == 0)
            if turn > 1:  # the first of each makes what is kept
                took_ms[turn % 2 == 0].append((time.perf_counter() - begin_s) * 1e3)
        gpu_ms, cpu_ms = min(took_ms[True]), min(took_ms[False])
        self.is_on = gpu_ms < cpu_ms
        self._tell(
            f"crops are cut by the {'GPU' if self.is_on else 'CPU'}: a frame takes {gpu_ms:.2f} ms "
            f"with the GPU's, {cpu_ms:.2f} ms with the CPU's"
        )

    def give_up(self, reason: str) -> None:
        """The CPU cuts from now on."""
        self.is_on = False
        self._tell(f"crops are cut by the CPU: the GPU's failed ({reason})")

    def staged(self, parts: Sequence[Uncut]) -> Staged:
        """A batch in pinned memory, laid there now unless it has been before."""
        assert self.crops is not None
        if len(parts) == 1 and self.crops.holds(parts[0].staged):
            kept: Staged = parts[0].staged
            return kept
        return self.crops.stage(parts)

    def free(self) -> None:
        """Unload the kernel. Safe to call twice."""
        if self.crops is not None:
            self.crops.free()
        self.crops, self.is_on = None, False

    def _tell(self, text: str) -> None:
        if self._say is None:
            self._unsaid.append(text)
        else:
            self._say(text)


def _reason(error: SteadyposeError | OSError) -> str:
    if isinstance(error, EngineUnavailableError):  # something can be installed
        return f"{error.what}; {typed_here(error.fix)}"
    return error.what if isinstance(error, SteadyposeError) else str(error)


def _apart(one: Bytes, other: Bytes) -> int:
    """The largest difference, grey levels."""
    return int(np.abs(one.astype(np.int16) - other.astype(np.int16)).max(initial=0))
