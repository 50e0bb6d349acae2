"""What it gains and costs to leave out legs that hang on something outside the picture.

    python -m benchmarks.accuracy.legs --data PACKS --video kalman_clip_part1.mp4

``realtime/tracking/legs.py`` says which these are. Gain: a clip of a man to the thighs is cut above
the hips, as a webcam at a desk does, and the parts of legs that a run says to see are counted, of
which none is in the picture; in the clip as it is they are counted, too. Cost: on the held-out
people of ``benchmarks.accuracy.shipped``, how many parts are left out, how many of these are
labelled at all, and how many of them were right.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

import steadypose as sp
from benchmarks.accuracy.shipped import of_teacher, sets_of
from benchmarks.common import frames_of, guarded, included, parser, publish, table
from steadypose.engines.options import EngineOptions
from steadypose.engines.registry import open_engine
from steadypose.realtime.datatypes import SEEN_SCORE, State
from steadypose.realtime.model.places import QUALITIES
from steadypose.realtime.tracking.framing import Framing
from training.datasets.pack import PackDataset
from training.measures.measure import measure

Image = NDArray[np.uint8]

_PARTS = ("knee", "ankle")
_ABOVE_HIPS = (slice(80, 260), slice(225, 465))  # of the clip's 360 rows and 640 columns
_SIZE_WH = (640, 480)


def at_a_desk(image_bgr: Image) -> Image:
    """A picture of the clip as a webcam at a desk would show it."""
    cut = cv2.resize(image_bgr[_ABOVE_HIPS], _SIZE_WH, interpolation=cv2.INTER_CUBIC)
    return np.asarray(cut, np.uint8)


def as_it_is(image_bgr: Image) -> Image:
    """The clip's own picture, to the thighs."""
    return image_bgr


def seen(video: Path, quality: str, cut: Callable[[Image], Image]) -> Counter[str]:
    """Knees and ankles that a run says to see, that the network gave a score, and frames."""
    found: Counter[str] = Counter()
    with sp.Tracker(quality=quality, threads=1) as track:
        for frame in frames_of(str(video)):
            found["frames"] += 1
            for person in track(cut(frame.image_bgr), time_s=frame.time_s).persons:
                for k, name in enumerate(person.names):
                    part = name.rsplit("_", 1)[-1]
                    found[part] += int(person.state[k] == State.MEASURED)
                    found[f"{part} network"] += int(person.score[k] >= SEEN_SCORE)
    return found


def cost(quality: str, data: Path) -> Iterator[str]:
    """For each held-out set: parts left out, labelled ones of these, and right ones."""
    engine = open_engine(
        QUALITIES[quality], backend="openvino", options=EngineOptions("fp32", 2)
    ).engine
    framing = Framing(engine.spec.skeleton)
    parts = [k for k, n in enumerate(engine.spec.skeleton.keypoints) if n.endswith(_PARTS)]
    try:
        for dataset, is_taught in sets_of(data):
            assert isinstance(dataset, PackDataset)
            found = measure(engine, dataset)
            counted = (of_teacher(found) if is_taught else found).is_counted[:, parts]
            right = found.error[:, parts] < 0.2
            left_out = np.zeros(counted.shape, np.bool_)
            for n, (xy, score) in enumerate(zip(found.xy, found.score, strict=True)):
                frame_hw = dataset.sample(int(found.rows[n])).image_bgr.shape[:2]
                pose = np.column_stack((xy, score))
                far = framing.plausible(xy, score >= SEEN_SCORE)
                kept = framing.evidence(pose, frame_hw) > 0
                left_out[n] = (far & ~kept)[parts]
            yield f"{left_out.sum()}, {(left_out & counted).sum()}, " + str(
                (left_out & counted & right).sum()
            )
    finally:
        engine.close()


def build_parser() -> argparse.ArgumentParser:
    """All options."""
    made = parser(__doc__)
    made.add_argument("--data", type=Path, required=True, help="folder of the packs")
    made.add_argument(
        "--video", type=Path, required=True, help="clip of a man to the thighs, 640x360"
    )
    return made


def main() -> None:
    """Measure all, print and keep the table."""
    arguments = build_parser().parse_args()
    data, video = included(arguments.data, "--data"), included(arguments.video, "--video")
    rows = []
    for quality in QUALITIES:
        found, whole = seen(video, quality, at_a_desk), seen(video, quality, as_it_is)
        of_run = [
            f"{of[part]} (network {of[f'{part} network']})"
            for of in (found, whole)
            for part in _PARTS
        ]
        rows.append([quality, str(2 * found["frames"]), *of_run, *cost(quality, data)])
    head = ["quality", "legs that are not there"]
    head += [f"{cut}: {part}s seen" for cut in ("above the hips", "thighs") for part in _PARTS]
    head += [f"{name}: left out, labelled, right" for name in ("everyday", "LSPET")]
    text = (
        "The clip, cut above the hips, and as it is, to the thighs: parts that count as seen, and "
        "those the network gave a score of 0.2 or more; held-out people: knees and ankles left "
        "out for a hip or knee outside the picture or on its edge, those of them that are "
        "labelled, and those that were right"
    )
    publish(f"{text}\n\n{table(head, rows)}", arguments.output)


if __name__ == "__main__":
    guarded(main)
