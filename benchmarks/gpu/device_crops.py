"""Crops cut by the GPU as the app has them cut: are they the CPU's, and does it pay?"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from benchmarks.gpu.measuring import ROUNDS, times_ms
from steadypose.engines.backends.tensorrt.engine import TensorRtEngine
from steadypose.engines.base import Uncut, cut_all
from steadypose.engines.errors import EngineError
from steadypose.realtime.datatypes import BBox, Frame
from steadypose.realtime.sources.demo import DemoScene
from steadypose.realtime.tracking.crop import cut, place_crop
from steadypose.realtime.tracking.pipeline import Pipeline

FRAMES_HW = ((720, 1280), (1080, 1920), (481, 853))
_BATCH = 8

Opener = Callable[[str], TensorRtEngine]


def device_crops(
    open_one: Opener, *, rounds: int = ROUNDS, batches: int = 12
) -> Iterator[tuple[str, str]]:
    """What was found, as names and sentences, the most worth knowing first.

    Args:
        open_one: Opens the engine, with crops cut by ``auto`` or ``device``.
        rounds: How often each time is measured.
        batches: Of eight boxes, compared in each size of a frame.

    Raises:
        SteadyposeError: The driver or the GPU refuses.
    """
    engine = open_one("device")
    said: list[str] = []
    engine.listen(said.append)
    try:
        if not engine.is_cutting:
            raise EngineError(said[0], fix="none")
        worst = max(_apart(engine, hw, batches) for hw in FRAMES_HW)
        count = batches * _BATCH * len(FRAMES_HW)
        yield "crops differ by", f"{worst} grey levels at most in {count} boxes"
        for hw in FRAMES_HW[:2]:
            image = DemoScene(size_hw=hw).draw(0)
            for count in (1, 4):
                person = BBox(0.3 * hw[1], 0, 0.5 * hw[1], 0.9 * hw[0])
                place = place_crop(person, size_hw=engine.spec.input_hw, padding=1.25)
                part = Uncut(image, [place] * count, cut)
                yield f"{count} of {hw[0]}p", _both(engine, part, rounds)
        if said:
            yield "said", "; ".join(said)
    finally:
        engine.close()
    yield "auto", _auto(open_one("auto"))


def _apart(engine: TensorRtEngine, hw: tuple[int, int], batches: int) -> int:
    """The largest difference from the CPU's crops, grey levels; some boxes lie outside."""
    rng, image = np.random.default_rng(0), DemoScene(size_hw=hw).draw(0)
    worst = 0
    for _ in range(batches):
        places = []
        for w, h in rng.uniform(30, hw[::-1], (_BATCH, 2)):
            x, y = rng.uniform(-w / 2, hw[1] - w / 2), rng.uniform(-h / 2, hw[0] - h / 2)
            box = BBox(x, y, x + w, y + h)
            places.append(place_crop(box, size_hw=engine.spec.input_hw, padding=1.25))
        parts = [Uncut(image, places, cut)]
        found = engine._cut(parts).astype(int)  # noqa: SLF001 - what is compared
        wanted = cut_all(parts, engine.spec.input_hw)
        worst = max(worst, int(np.abs(found - wanted).max()))
    return worst


def _auto(engine: TensorRtEngine) -> str:
    """What the app would choose, and whether it then finds somebody."""
    said: list[str] = []
    engine.listen(said.append)
    pipeline, image = Pipeline(engine), DemoScene(size_hw=FRAMES_HW[0]).draw(0)
    try:
        found = [len(pipeline.process(Frame(image, i, i / 30, 0.0))) for i in range(3)]
    finally:
        engine.close()
    return f"{'; '.join(said)}; people in the first frames: {found}"


def _both(engine: TensorRtEngine, part: Uncut, rounds: int) -> str:
    """A whole call both ways, and what of it is uploading and cutting."""
    crops = np.empty((len(part), *engine.spec.input_hw, 3), np.uint8)

    def on_cpu() -> None:
        for place, crop in zip(part.places, crops, strict=True):
            part.cut(part.image_bgr, place, crop)
        engine.infer(crops)

    def on_gpu() -> None:
        part.staged = None
        engine.start_uncut([part])
        engine.finish()

    def cutting() -> None:
        crops, memory = engine._cropping.crops, engine._memory  # noqa: SLF001 - what is measured
        assert crops is not None
        crops.queue(crops.stage([part]), engine.lanes.device_in)
        memory.synchronize()

    gpu, cpu, alone = (times_ms(work, rounds=rounds) for work in (on_gpu, on_cpu, cutting))
    return (
        f"cut by the GPU {gpu[0]:.3f} / {gpu[1]:.3f} ms with the network, by the CPU "
        f"{cpu[0]:.3f} / {cpu[1]:.3f} ms; copy, upload and kernel {alone[0]:.3f} / "
        f"{alone[1]:.3f} ms (p50 / p95)"
    )
