"""Measure ghosts in empty scenes, and how soon a person who comes in is confirmed.

    python -m benchmarks.presence [--video walk_park_single.mp4] [--model FILE] [--frames N]

A video should be from a fixed camera with people moving about: the median of its frames over
time is used as a scene without people.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from benchmarks.common import guarded, included, parser, publish, table
from benchmarks.presence.entrances import ENTRANCES, entrance
from benchmarks.presence.scenes import (
    FPS,
    SCENES,
    Camera,
    emptied_scene,
    noise_scene,
    plain_scene,
    poster_scene,
    room_scene,
    without_people,
)
from benchmarks.presence.watch import (
    PERSONS,
    WAITS_S,
    await_person,
    confirmed_at,
    watch_empty,
)
from steadypose.engines.base import Engine
from steadypose.engines.options import EngineOptions, default_threads
from steadypose.engines.registry import open_engine
from steadypose.realtime.command.options.parser import Number
from steadypose.realtime.model.places import DEFAULT_MODEL

_VIDEO_PERSONS = (1, 2)
_SOON_S = 1.0
_KINDS: dict[str, Callable[[int], Camera]] = {
    "rooms of the demo": room_scene,
    "noise, white and blobs": noise_scene,
    "rooms with posters": poster_scene,
    "plain, dark and bright": plain_scene,
}
_SIZES = {
    "25 to 50 %": (0.0, 0.5),
    "50 to 80 %": (0.5, 0.8),
    "80 to 110 %": (0.8, 2.0),
    "all": (0.0, 2.0),
}


def _seconds(value: float) -> str:
    return f"{value:.2f}" if np.isfinite(value) else "never"


def empty_tables(engine: Engine, videos: list[Path], frames: int) -> Iterator[str]:
    """Ghosts by kind of scene, and each of them."""
    kinds = dict(_KINDS)
    for video in videos:
        kinds[f"{video.stem}, emptied"] = partial(emptied_scene, without_people(video))
    rows, ghosts = [], []
    for place, (kind, make) in enumerate(kinds.items()):
        count = frames * (place + 1) // len(kinds) - frames * place // len(kinds)
        for persons, seen in watch_empty(engine, make, count).items():
            score = max((ghost.score for ghost in seen.ghosts.values()), default=0.0)
            numbers = (persons, seen.frames, seen.haunted, len(seen.ghosts))
            highest = (f"{value:.2f}" if value else "" for value in (score, seen.quality))
            rows.append((kind, *(f"{n}" for n in numbers), *highest))
            for (scene, _), g in seen.ghosts.items():
                cells = (f"{persons}", f"{g.from_s:.2f}", f"{g.frames}", f"{g.score:.2f}", g.place)
                ghosts.append((f"{kind}, {scene + 1}", *cells))
    head = ["nobody there", "persons", "frames", "with a confirmed person", "ids"]
    yield table([*head, "highest person score", "highest quality (1)"], rows)
    head = ["taken for a person", "persons", "from, s", "frames", "highest score", "x, y"]
    yield table(head, ghosts) if ghosts else "Nothing was taken for a person."


def entrance_table(engine: Engine, count: int) -> str:
    """How long people who come in wait until they are confirmed."""
    rows = []
    numbered = np.linspace(0, ENTRANCES - 1, count).astype(int).tolist()
    for persons in PERSONS:
        arrivals = [await_person(engine, entrance(n), persons) for n in numbered]
        for name, (low, high) in _SIZES.items():
            chosen = [a for a in arrivals if low <= a.size < high]
            if not chosen:
                continue
            waited = np.array([a.waited_s for a in chosen])
            middle = float(np.percentile(waited, 50, method="nearest"))
            haunted = sum(a.is_haunted for a in chosen)
            numbers = (persons, len(chosen), int((waited <= _SOON_S).sum()))
            times = (_seconds(middle), _seconds(waited.max()))
            rows.append((name, *(f"{n}" for n in numbers), *times, f"{haunted}"))
    head = ("standing height / frame height", "persons", "entrances", "confirmed within 1 s")
    return table((*head, "s, p50", "s, max", "with a ghost (2)"), rows)


def video_table(engine: Engine, videos: list[Path]) -> str:
    """When people in a video are first confirmed."""
    rows = []
    for video in videos:
        for persons in _VIDEO_PERSONS:
            times = confirmed_at(engine, video, persons)
            rows.append((video.name, f"{persons}", _seconds(times[0]), _seconds(times[-1])))
    return table(("video time, s", "persons", "somebody confirmed", "as many as asked for"), rows)


def build_parser() -> argparse.ArgumentParser:
    """All options."""
    made = parser(__doc__)
    video_help = "of a fixed camera"
    made.add_argument("--video", type=Path, nargs="+", default=[], metavar="FILE", help=video_help)
    made.add_argument("--model", type=Path, default=DEFAULT_MODEL)
    made.add_argument("--trust-engine", action="store_true", help="an engine built elsewhere")
    frames_help = "of empty scenes in all (default: %(default)s)"
    made.add_argument(
        "--frames", type=Number(1, 10**6), default=3000, metavar="N", help=frames_help
    )
    entrances_help = "of the fixed series, spread over it (default: all %(default)s)"
    made.add_argument(
        "--entrances",
        type=Number(1, ENTRANCES),
        default=ENTRANCES,
        metavar="N",
        help=entrances_help,
    )
    made.add_argument("--threads", type=Number(1, 256), default=default_threads(), metavar="N")
    return made


def report(engine: Engine, videos: list[Path], arguments: argparse.Namespace) -> str:
    """Measure everything; returns the tables and their notes."""
    parts = [
        f"{engine.spec.name} on {engine.label}; {SCENES} scenes of each kind, "
        f"{arguments.entrances} entrances, {FPS:g} frames a second",
        *empty_tables(engine, videos, arguments.frames),
        "(1) Mean score of the better half of the keypoints, which the tracker's thresholds are "
        "about, of anything\nit looked at closer, confirmed or not; empty where there was nothing.",
        entrance_table(engine, arguments.entrances),
        "Seconds from the frame in which the person's middle and half of the keypoints are "
        "inside to the\nfirst confirmed pose on the person; below 0: earlier. Never: not within "
        f"{WAITS_S:g} s. (2) A confirmed pose that is\nnot on the person, before, beside or after; "
        "persons = 3 goes on searching.",
        video_table(engine, videos)
        if videos
        else "No --video was given: the emptied place and the times in a video are left out.",
    ]
    return "\n\n".join(parts)


def main() -> None:
    """Measure and print."""
    arguments = build_parser().parse_args()
    cv2.setNumThreads(1)
    videos = [included(path, "--video") for path in arguments.video]
    threads = EngineOptions(threads=arguments.threads, is_trusting=arguments.trust_engine)
    opened = open_engine(arguments.model, backend="auto", options=threads)
    with closing(opened.engine) as engine:
        publish(report(engine, videos, arguments), arguments.output)


if __name__ == "__main__":
    guarded(main)
