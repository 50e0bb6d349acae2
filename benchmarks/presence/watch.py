"""Run the pipeline on empty scenes, entrances and videos, and record what it finds."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from benchmarks.common import frames_of
from benchmarks.presence.entrances import Entrance
from benchmarks.presence.scenes import FPS, SCENES, Camera, Image
from steadypose.engines.base import Engine
from steadypose.realtime.datatypes import FloatArray, Frame, Pose
from steadypose.realtime.tracking.pipeline import Pipeline
from steadypose.realtime.tracking.track import quality

PERSONS = (1, 3)
"""Numbers of people the pipelines should track in rendered scenes."""

WAITS_S = 4.0
"""How long a person is shown after coming in."""

_NEAR = 0.25  # distance from the truth, in standing heights, within which a pose is the person's


@dataclass
class Ghost:
    """One id in a scene without people.

    Attributes:
        place: Middle of its first pose, frame pixels, as text.
        from_s: Scene time of its first frame.
        frames: Number of frames in which it was confirmed.
        score: Highest person score.
    """

    place: str
    from_s: float
    frames: int = 0
    score: float = 0.0


@dataclass
class Emptiness:
    """Findings in the empty scenes of one kind.

    Attributes:
        frames: Number of frames shown.
        haunted: Number of them with a confirmed person.
        ghosts: By scene and id.
        quality: Highest of all candidates, confirmed or not.
    """

    frames: int = 0
    haunted: int = 0
    ghosts: dict[tuple[int, int], Ghost] = field(default_factory=dict)
    quality: float = 0.0

    def add(self, scene: int, time_s: float, pipeline: Pipeline) -> None:
        """Record the pipeline's result for the last completed frame."""
        poses = pipeline.poses()
        self.frames += 1
        self.haunted += bool(poses)
        for track in pipeline.tracker.tracks:
            self.quality = max(self.quality, float(quality(track.evidence)))
        for pose in poses:
            key = (scene, pose.track_id)
            if key not in self.ghosts:  # later it may be lost, without a position
                self.ghosts[key] = Ghost(_place(pose), time_s)
            ghost = self.ghosts[key]
            ghost.frames += 1
            ghost.score = max(ghost.score, pose.person_score)


@dataclass(frozen=True)
class Arrival:
    """Result of one entrance.

    Attributes:
        size: Standing height as a share of the frame's height.
        waited_s: From visible to confirmed, seconds; inf for never.
        is_haunted: Whether a pose was ever confirmed where the person is not.
    """

    size: float
    waited_s: float
    is_haunted: bool


def _place(pose: Pose) -> str:
    x, y = pose.xy[np.isfinite(pose.xy[:, 0])].mean(axis=0)
    return f"{x:.0f}, {y:.0f}"


def frame_of(image_bgr: Image, index: int) -> Frame:
    """Make a frame of a camera with 30 frames a second."""
    return Frame(image_bgr, index, index / FPS, time.perf_counter())


def watch_empty(engine: Engine, make: Callable[[int], Camera], frames: int) -> dict[int, Emptiness]:
    """Show empty scenes of one kind, ``frames`` in all; returns the findings by persons."""
    seen = {persons: Emptiness() for persons in PERSONS}
    for number in range(SCENES):
        scene = make(number)
        pipelines = {persons: Pipeline(engine, persons=persons) for persons in PERSONS}
        first, last = (frames * n // SCENES for n in (number, number + 1))
        for index in range(last - first):
            frame = frame_of(scene.draw(index), index)
            for persons, pipeline in pipelines.items():
                pipeline.process(frame)
                seen[persons].add(number, frame.time_s, pipeline)
    return seen


def await_person(engine: Engine, entrance: Entrance, persons: int) -> Arrival:
    """Show one entrance, and four seconds more."""
    pipeline = Pipeline(engine, persons=persons)
    visible = next(n for n in range(10**4) if entrance.is_visible(n))
    near_px = _NEAR * entrance.size * entrance.camera.size_hw[0]
    waited_s, is_haunted = np.inf, False
    for index in range(visible + int(WAITS_S * FPS)):
        poses = pipeline.process(frame_of(entrance.draw(index), index))
        truth = entrance.truth(index)
        for pose in poses:
            away_px = _distance(pose, truth)
            if away_px < near_px:
                waited_s = min(waited_s, (index - visible) / FPS)
            is_haunted |= away_px >= near_px
    return Arrival(entrance.size, waited_s, is_haunted)


def _distance(pose: Pose, truth: FloatArray) -> float:
    """Median over the keypoints that are not lost, pixels; NaN if all are."""
    away = np.linalg.norm(pose.xy - truth, axis=1)
    away = away[np.isfinite(away)]
    return float(np.median(away)) if len(away) else np.nan


def confirmed_at(engine: Engine, video: Path, persons: int) -> list[float]:
    """Video time at which 1, 2, ... ``persons`` people were first confirmed together, seconds."""
    pipeline = Pipeline(engine, persons=persons)
    times: list[float] = []
    for frame in frames_of(str(video)):
        count = len(pipeline.process(frame))
        times += [frame.time_s] * (count - len(times))
        if len(times) >= persons:
            break
    return times + [np.inf] * (persons - len(times))
