"""PCK on the demo's mannequin, whose places are known: of a model file, and what int8 costs."""

from __future__ import annotations

import numpy as np
import onnx
from numpy.typing import NDArray

from steadypose.engines.skeletons.people import COCO17
from steadypose.engines.spec import ModelSpec
from steadypose.realtime.datatypes import SEEN_SCORE, BBox
from steadypose.realtime.sources.demo import DemoScene
from steadypose.realtime.tracking.crop import cut, place_crop

_THRESHOLDS = (0.2, 0.05)  # of the torso's height: the usual one, and one that notices more
_COUNT = 60  # crops
_EVERY = 11  # frames between two that are used
_FEWEST_SHARED = 6  # keypoints by the same names that make a proof
_POOR = 0.5  # PCK@0.2
_MARGIN = 0.08  # of the height: the truth ends at the ankles and eyes


def demo_truth(
    spec: ModelSpec, *, count: int
) -> tuple[NDArray[np.uint8], NDArray[np.float64], NDArray[np.float64]]:
    """Crops of the demo, with what is true in them.

    Returns:
        (N, H, W, 3) uint8 BGR crops, (N, 17, 2) true places in crop pixels, and (N,) the
        height of each torso, crop pixels.
    """
    scene = DemoScene()
    crops = np.empty((count, *spec.input_hw, 3), np.uint8)
    places, torsos = [], []
    for row, crop in enumerate(crops):
        xy = scene.truth(row * _EVERY)[0]
        (x1, y1), (x2, y2) = xy.min(axis=0), xy.max(axis=0)
        margin = _MARGIN * (y2 - y1)
        box = BBox(x1 - margin, y1 - margin, x2 + margin, y2 + margin)
        place = place_crop(box, size_hw=spec.input_hw, padding=spec.box_padding)
        cut(scene.draw(row * _EVERY), place, crop)
        inside = place.to_crop(xy)
        places.append(inside)
        upper, lower = (
            np.mean([inside[COCO17.index(f"{side}_{part}")] for side in ("left", "right")], axis=0)
            for part in ("shoulder", "hip")
        )
        torsos.append(np.linalg.norm(upper - lower))
    return crops, np.stack(places), np.array(torsos)


def pck(
    found: NDArray[np.floating],
    places: NDArray[np.float64],
    torsos: NDArray[np.float64],
    *,
    threshold: float,
) -> float:
    """Share of keypoints within some torso heights of the truth; NaN counts as missed.

    Args:
        found: (N, 17, >= 2), crop pixels.
        places: (N, 17, 2) the truth.
        torsos: (N,) crop pixels.
        threshold: Torso heights.
    """
    distance = np.linalg.norm(found[..., :2] - places, axis=-1)
    return float(np.mean(distance <= threshold * torsos[:, None]))


def told_places(data: bytes, spec: ModelSpec) -> list[str]:
    """How well a model file finds the demo's mannequin, in sentences.

    Nothing else tells a wrong colour, order or unit: the wrapped file agrees with the foreign
    network all the same.

    Args:
        data: The model file.
        spec: Its own; keypoints are compared that COCO has by the same names.

    Returns:
        A line with the PCK, and a note where it is bad or another reading of the same numbers
        is much better.
    """
    import onnxruntime  # noqa: PLC0415 - the app needs none of this module

    names = spec.skeleton.keypoints
    shared = [(k, COCO17.index(name)) for k, name in enumerate(names) if name in COCO17.keypoints]
    if len(shared) < _FEWEST_SHARED:
        return [
            f"note: not proved on pictures: of the demo's 17 keypoints the skeleton "
            f"{spec.skeleton.name} has {len(shared)}; look at the result on screen"
        ]
    crops, places, torsos = demo_truth(spec, count=_COUNT)
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    found = np.concatenate(
        [session.run(None, {"crops": crops[i : i + 4]})[0] for i in range(0, _COUNT, 4)]
    )[:, : len(names)]
    ours, theirs = (list(column) for column in zip(*shared, strict=True))
    truth = places[:, theirs]

    def share(points: NDArray[np.floating], threshold: float) -> float:
        return pck(points, truth, torsos, threshold=threshold)

    usual = share(found[:, ours], _THRESHOLDS[0])
    score = float(found[:, ours, 2].mean())
    lines = [
        f"on {_COUNT} pictures of the demo's mannequin: "
        f"{', '.join(f'PCK@{t} {share(found[:, ours], t):.3f}' for t in _THRESHOLDS)} of "
        f"{len(shared)} keypoints, mean score {score:.3f}"
    ]
    order = np.array(spec.skeleton.flip_order)
    turned = {
        "x and y were exchanged (--point)": found[:, ours][..., [1, 0, 2]],
        "left and right were exchanged (--skeleton)": found[:, order[ours]],
    }
    better = {why: share(points, _THRESHOLDS[0]) for why, points in turned.items()}
    why = max(better, key=lambda key: better[key])
    if better[why] > usual + 0.2:
        lines.append(f"note: the PCK@0.2 would be {better[why]:.3f} if {why}")
    elif usual < _POOR:
        lines.append(
            "note: a trained network finds a mannequin far better; are the guesses right "
            "(--normalise, --colour, --point, --unit, --skeleton)?"
        )
    return lines


def told_loss(original: onnx.ModelProto, changed: onnx.ModelProto, spec: ModelSpec) -> str:
    """What a graph loses against the one it was made from, in a sentence.

    Both run in ONNX Runtime on the CPU, as they are written: its optimiser computes int8
    between fp16 layers wrongly (seen with 1.31).
    """
    if spec.skeleton != COCO17:
        return "loss in PCK: not measured, the demo knows COCO's 17 keypoints only"
    crops, places, torsos = demo_truth(spec, count=_COUNT)
    results = [_answers(graph, crops)[:, :17] for graph in (original, changed)]
    losses = []
    for threshold in _THRESHOLDS:
        before, after = (pck(found, places, torsos, threshold=threshold) for found in results)
        losses.append(
            f"PCK@{threshold} {before:.3f} as float, {after:.3f} as int8, loss {before - after:.3f}"
        )
    return f"on {_COUNT} crops of the demo, on the CPU: {'; '.join(losses)}"


def told_moves(
    original: onnx.ModelProto, changed: onnx.ModelProto, crops: NDArray[np.uint8], *, keypoints: int
) -> str:
    """How far another precision moves keypoints on real pictures, in a sentence.

    This needs no truth and any skeleton will do: of what the original network is sure, where
    does the changed one see it?

    Args:
        original: A model file.
        changed: What was made of it.
        crops: (N, H, W, 3) uint8 BGR.
        keypoints: K; rows of further people are passed over.
    """
    before, after = (_answers(graph, crops)[:, :keypoints] for graph in (original, changed))
    is_sure = before[..., 2] >= SEEN_SCORE
    if not is_sure.any():
        return "no keypoint is seen on them: take pictures of people"
    moved = np.linalg.norm(after[..., :2] - before[..., :2], axis=2)[is_sure]
    half, most = np.percentile(moved, (50, 95))
    return (
        f"on them half of {moved.size} seen keypoints move by at most {half:.2f} px, 95 in 100 by "
        f"at most {most:.2f} px of {crops.shape[1]}"
    )


def _answers(graph: onnx.ModelProto, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
    import onnxruntime  # noqa: PLC0415 - only int8 needs it here

    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(
        graph.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    found = [session.run(None, {"crops": crops[i : i + 4]})[0] for i in range(0, len(crops), 4)]
    return np.concatenate(found)
