"""What the loop's own thread spends outside the engine, on frames that are kept in memory.

    python -m benchmarks.loop.stages [--threads 1 2] [--output FILE]

The first rows are of an engine that needs no time, in a frame of 1280x720: with crops cut by the
CPU, as if the GPU cut them and only what the CPU does for that were to be paid, and as if they
cost nothing; the last are of the default network on this CPU, 640x360, with so many threads: while
all processors sleep, whoever wakes on one finds it slow.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.common import guarded, open_network, parser, publish, table
from steadypose.engines.backends.fake_engine import FakeEngine
from steadypose.engines.backends.tensorrt.cropping import Cropping
from steadypose.engines.backends.tensorrt.device_crop import DeviceCrops
from steadypose.engines.base import Engine, Uncut
from steadypose.engines.model_file import read_spec
from steadypose.engines.spec import ModelSpec
from steadypose.realtime.app.clock import STAGES
from steadypose.realtime.app.display import NullDisplay
from steadypose.realtime.app.loop import App
from steadypose.realtime.datatypes import FloatArray, Frame
from steadypose.realtime.model.places import DEFAULT_MODEL
from steadypose.realtime.record.outputs import Outputs
from steadypose.realtime.sources.demo import DemoScene
from steadypose.realtime.tracking.crop import CropTransform
from steadypose.realtime.tracking.cutting import Batch, Cutting
from steadypose.realtime.tracking.pipeline import Crops, Pipeline

_KEPT = 45
_WARM = 15
_MOST_CROPS = 16


class KeptFrames:
    """Frames of the demo that were drawn before; forth and back, so that nobody jumps."""

    label, is_live, is_paced, fps, dropped, trouble = "kept frames", False, False, 30.0, 0, None
    remarks: tuple[str, ...] = ()

    def __init__(self, size_hw: tuple[int, int], frames: int) -> None:
        scene = DemoScene(size_hw=size_hw)
        kept = [scene.draw(index) for index in range(_KEPT)]
        self.truth = {id(kept[index]): scene.truth(index)[0] for index in range(_KEPT)}
        self._pictures: list[NDArray[np.uint8]] = kept + kept[-2:0:-1]
        self._given, self.frame_count = 0, frames

    @property
    def is_over(self) -> bool:
        """Whether all were given."""
        return self._given >= self.frame_count

    def read(self, timeout_s: float) -> Frame | None:
        """Give the next one."""
        del timeout_s
        if self.is_over:
            return None
        index, self._given = self._given, self._given + 1
        return Frame(self._pictures[index % len(self._pictures)], index, index / 30, 0.0)

    def close(self) -> None:
        """Nothing to close."""


class OnePerson(FakeEngine):
    """An engine that needs no time and sees the demo's person wherever a crop shows it.

    Args:
        spec: Of the model.
    """

    def __init__(self, spec: ModelSpec) -> None:
        super().__init__(spec, answer=self._seen)
        self.coming: deque[tuple[FloatArray, Sequence[Any]]] = deque()

    def _begin(self, crops: NDArray[np.uint8]) -> None:
        self._truth, self._places = self.coming.popleft()
        super()._begin(crops)

    def _seen(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        found = np.zeros((len(crops), self.spec.output_rows, 3), np.float32)
        for answer, place in zip(found, self._places, strict=False):
            xy = place.to_crop(self._truth)
            is_inside = ((xy > 0) & (xy < np.array(self.spec.input_hw)[::-1])).all(axis=1)
            answer[: len(xy), :2] = xy
            answer[: len(xy), 2] = np.where(is_inside, 0.9, 0.05)
        return found


class Telling(Cutting):
    """Tells such an engine where the crops lie, and who is there.

    Args:
        engine: They are for.
        truth: (17, 2) frame pixels, by the ``id`` of the picture.
        is_free: Crops cost nothing: nothing is in them.
    """

    def __init__(self, engine: OnePerson, truth: dict[int, FloatArray], *, is_free: bool) -> None:
        super().__init__(engine, _MOST_CROPS)
        self._coming, self._truth, self._is_free = engine.coming, truth, is_free

    def make(
        self, image_bgr: NDArray[np.uint8], places: list[CropTransform], *, is_early: bool = False
    ) -> Batch:
        """See ``Cutting.make``."""
        self._coming.append((self._truth[id(image_bgr)], places))
        return super().make(image_bgr, places, is_early=is_early)

    def _cut(self, image_bgr: NDArray[np.uint8], places: list[CropTransform]) -> NDArray[np.uint8]:
        return self._buffers[0][: len(places)] if self._is_free else super()._cut(image_bgr, places)


class Following(Pipeline):
    """Notes how many are followed in each frame: nobody costs half as much, three twice."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine)
        self.tracks: list[int] = []

    def finish(self, crops: Crops) -> FloatArray:
        """See ``Pipeline.finish``."""
        self.tracks.append(len(crops.tracks))
        return super().finish(crops)


class NoGpu:
    """A GPU that does everything in no time: memory beside it, and a driver."""

    name, stream = "none", 1

    def host(self, size: int) -> NDArray[np.uint8]:
        """Memory that the CPU fills."""
        return np.zeros(size, np.uint8)

    def device(self, size: int) -> int:
        """An address."""
        return size

    def upload(self, device: int, host: NDArray[np.uint8]) -> None:
        """Nothing."""

    def load_module(self, image: bytes) -> int:
        """Nothing."""
        return len(image)

    def kernel(self, module: int, name: str) -> int:
        """Nothing."""
        return module + len(name)

    def launch_kernel(self, *told: object) -> None:
        """Nothing."""


class OfTheGpu(OnePerson):
    """The same, and its GPU cuts the crops, in no time either.

    Args:
        spec: Of the model.
    """

    is_cutting = True

    def __init__(self, spec: ModelSpec) -> None:
        super().__init__(spec)
        gpu: Any = NoGpu()
        self._cropping, crops = Cropping(), DeviceCrops(b"", spec.input_hw, driver=gpu, memory=gpu)
        self._gpu_crops = self._cropping.crops = crops
        self._given = np.full((_MOST_CROPS, *spec.input_hw, 3), 128, np.uint8)

    def stage(self, part: Uncut) -> None:
        """See ``Cutter.stage``."""
        part.staged = self._cropping.staged([part])

    def start_uncut(self, parts: Sequence[Uncut]) -> None:
        """See ``Cutter.start_uncut``."""
        self._gpu_crops.queue(self._cropping.staged(parts), 0)
        self.start(self._given[: sum(map(len, parts))])


def run_on_kept_frames(
    engine: Engine, size_hw: tuple[int, int], *, frames: int, has_free_crops: bool = False
) -> dict[str, Any]:
    """Run the app's loop, headless and without files.

    Args:
        engine: Not closed.
        size_hw: Of the frames.
        frames: How many are measured.
        has_free_crops: As if crops cost nothing; for ``OnePerson`` alone.

    Returns:
        Frames, frame rate, ``frame_ms``, ``outside_ms`` (CPU time of the loop's thread outside
        engine and source) as p50 and p95, ``stages_ms`` p50 of each stage, ``followed``: the share
        of frames with somebody in them, and ``tracks``: how many are followed on average.
    """
    source = KeptFrames(size_hw, frames + _WARM)
    outputs = Outputs(engine.spec.skeleton, source.fps, False)  # noqa: FBT003
    pipeline = Following(engine)
    if isinstance(engine, OnePerson):
        pipeline.cutting = Telling(engine, source.truth, is_free=has_free_crops)
    app = App(source, pipeline, NullDisplay(), outputs)
    app.run()
    clock = app.clock
    rows = slice(_WARM, None)

    def both(column: NDArray[np.float32]) -> list[float]:
        return [float(value) for value in np.percentile(column[rows], (50, 95))]

    engine_ms = clock.column("engine")
    overhead = clock.column("overhead")
    return {
        "frames": frames,
        "fps": clock.fps,
        "frame_ms": both(engine_ms + overhead),
        "outside_ms": both(overhead),
        "followed": float(np.mean([count > 0 for count in pipeline.tracks])),
        "tracks": float(np.mean(pipeline.tracks[_WARM:])),
        "stages_ms": {name: float(np.median(clock.column(name)[rows])) for name in STAGES},
    }


def main() -> None:
    """Measure and print."""
    made = parser(__doc__)
    made.add_argument("--frames", type=int, default=600)
    made.add_argument(
        "--threads", type=int, nargs="+", default=[1, 2], help="of the network on the CPU"
    )
    arguments = made.parse_args()
    cv2.setNumThreads(1)
    spec = read_spec(DEFAULT_MODEL)
    on_cpu = [open_network(threads=threads) for threads in arguments.threads]
    free, on_gpu = OnePerson(spec), OfTheGpu(spec)
    cases: tuple[tuple[str, Engine, tuple[int, int], bool], ...] = (
        ("no time, CPU crops", free, (720, 1280), False),
        ("no time, GPU crops", on_gpu, (720, 1280), False),
        ("no time, free crops", free, (720, 1280), True),
        *((engine.label, engine, (360, 640), False) for engine in on_cpu),
    )
    rows = []
    for name, engine, size_hw, is_free in cases:
        found = run_on_kept_frames(engine, size_hw, frames=arguments.frames, has_free_crops=is_free)
        stages = [f"{found['stages_ms'][stage]:.3f}" for stage in STAGES]
        outside = [f"{value:.3f}" for value in found["outside_ms"]]
        rows.append(
            (name, f"{size_hw[1]}x{size_hw[0]}", f"{found['tracks']:.2f}", *outside, *stages)
        )
    for engine in on_cpu:
        engine.close()
    head = ("engine", "frame", "tracks", "outside p50", "outside p95", *STAGES)
    publish(
        "Tracks: people followed, and candidates, on average. Outside: CPU time of the loop's "
        "thread outside engine and source, ms; stages: wall time, ms p50. One person, headless, "
        f"no files\n\n{table(head, rows)}",
        arguments.output,
    )


if __name__ == "__main__":
    guarded(main)
