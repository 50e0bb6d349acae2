"""Record the shipped network's output for walking mannequins: the data of recorded.py.

    python -m tests.support.make_sequences

Rendered people with known ids and positions, through the default network on the CPU; the
committed data were recorded when that was MoveNet Lightning at 256x192. A frame has an output
for each person's own crop, placed slightly off like a tracker's, and for two of the scan windows
in turn. Positions are kept to 1/32 pixel, scores to 1/255.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from steadypose.engines.base import Engine
from steadypose.engines.model_file import read_spec
from steadypose.engines.options import EngineOptions
from steadypose.realtime.datatypes import BBox, FloatArray
from steadypose.realtime.model.places import DEFAULT_MODEL
from steadypose.realtime.sources.demo import paint_room
from steadypose.realtime.sources.mannequin import LOOKS, draw_person
from steadypose.realtime.sources.mannequin_motion import pose_at
from steadypose.realtime.tracking.crop import CropTransform, cut, place_crop
from steadypose.realtime.tracking.search_windows import scan_windows
from tests.support.recorded import FOLDER, FPS, STEPS

HW = (360, 640)
WINDOWS_A_FRAME = 2

Image = NDArray[np.uint8]
Who = Callable[[float], list[tuple[FloatArray, float]]]
"""Function of seconds: each person's keypoints in pixels and height, the farthest first."""


def _figure(time_s: float, x: float, height: float, phase: float) -> tuple[FloatArray, float]:
    return pose_at(time_s, phase=phase) * height + (x, 0.96 * HW[0]), height


def crossing(time_s: float) -> list[tuple[FloatArray, float]]:
    """Two people pass each other, one behind the other, after 2 s."""
    return [
        _figure(time_s, 520 - 100 * time_s, 250, 12.5),
        _figure(time_s, 120 + 100 * time_s, 290, 13.0),
    ]


def passing(time_s: float) -> list[tuple[FloatArray, float]]:
    """A person comes in on the left after half a second and leaves on the right."""
    return [_figure(time_s, -175 + 220 * time_s, 280, 12.6)]


def hidden(time_s: float) -> list[tuple[FloatArray, float]]:
    """A person walks behind a pillar and reappears."""
    return [_figure(time_s, 60 + 160 * time_s, 270, 12.4)]


def standing(time_s: float) -> list[tuple[FloatArray, float]]:
    """A person stands and waves; after 2 s the camera has turned away by 250 pixels."""
    return [_figure(time_s, 200 if time_s < 2 else 450, 280, 1.4)]


def _paint(image: Image, name: str) -> None:
    if name == "hidden":
        image[:, 285:405] = (96, 104, 110)


SCENES: dict[str, tuple[Who, float]] = {
    "crossing": (crossing, 4.0),
    "passing": (passing, 4.4),
    "hidden": (hidden, 3.4),
    "standing": (standing, 3.4),
}


def look(engine: Engine, image: Image, places: list[CropTransform]) -> FloatArray:
    """(N, K, 3) frame x, y and score from crops of one picture."""
    crops = np.empty((len(places), *engine.spec.input_hw, 3), np.uint8)
    for place, crop in zip(places, crops, strict=True):
        cut(image, place, crop)
    found = engine.infer(crops).astype(np.float64)
    for place, keypoints in zip(places, found, strict=True):
        place.move_to_frame(keypoints)
    return found


def record(name: str, engine: Engine) -> None:
    """Render one scene, run the network and write the file."""
    who, seconds = SCENES[name]
    rng = np.random.default_rng(len(name))
    spec = engine.spec
    room = paint_room(HW, rng)[: HW[0], : HW[1]]
    windows = scan_windows(HW, spec.input_hw)
    truth, crops, seen = [], [], []
    for index in range(round(seconds * FPS)):
        people = who(index / FPS)
        image = room.copy()
        for number, (xy, height) in enumerate(people):
            draw_person(image, xy, height_px=height, look=LOOKS[number])
        _paint(image, name)
        noisy = image + rng.normal(0.0, 5.0, image.shape)
        image = np.clip(noisy, 0, 255).astype(np.uint8)
        places = []
        for xy, height in people:
            low, high = xy.min(axis=0), xy.max(axis=0)
            dx, dy, grow = rng.normal(0.0, 0.015, 3) * height
            box = BBox(low[0] + dx - grow, low[1] + dy, high[0] + dx + grow, high[1] + dy)
            places.append(place_crop(box, size_hw=spec.input_hw, padding=spec.box_padding))
        for turn in range(WINDOWS_A_FRAME):
            window = windows[(index * WINDOWS_A_FRAME + turn) % len(windows)]
            places.append(place_crop(window, size_hw=spec.input_hw, padding=1.0))
        found = look(engine, image, places)
        truth.append([xy for xy, _ in people])
        crops.append(found[: len(people)])
        seen.append(found[len(people) :])
    FOLDER.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(
        FOLDER / f"{name}.npz",
        truth=_positions(np.array(truth)),
        crop_xy=_positions(np.array(crops)[..., :2]),
        crop_score=_scores(np.array(crops)[..., 2]),
        window_xy=_positions(np.array(seen)[..., :2]),
        window_score=_scores(np.array(seen)[..., 2]),
    )


def _positions(xy: FloatArray) -> NDArray[np.int16]:
    kept: NDArray[np.int16] = np.clip(np.round(xy * STEPS), -32000, 32000).astype(np.int16)
    return kept


def _scores(score: FloatArray) -> NDArray[np.uint8]:
    kept: NDArray[np.uint8] = np.round(score * 255.0).astype(np.uint8)
    return kept


def main() -> None:
    """Write all files."""
    from steadypose.engines.backends.onnxruntime_engine import (
        OnnxRuntimeEngine,  # replaying does not need it
    )

    engine = OnnxRuntimeEngine(DEFAULT_MODEL, read_spec(DEFAULT_MODEL), EngineOptions())
    for name in SCENES:
        record(name, engine)
    engine.close()


if __name__ == "__main__":
    main()
