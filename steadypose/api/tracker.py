"""People in pictures that come from anywhere: a loop, a robot, a notebook."""

from __future__ import annotations

import math
import time
from pathlib import Path
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from steadypose.api.frame import Frame, to_person
from steadypose.engines.base import Engine
from steadypose.engines.errors import UsageError
from steadypose.engines.options import EngineOptions, default_threads
from steadypose.realtime import datatypes
from steadypose.realtime.datatypes import Pose
from steadypose.realtime.model.best_built import open_best
from steadypose.realtime.model.opening import open_chosen
from steadypose.realtime.model.places import QUALITIES
from steadypose.realtime.smooth.presets import NAMES, make_smoother
from steadypose.realtime.tracking.pipeline import Pipeline
from steadypose.realtime.tracking.roster import CANDIDATES, MOST_PERSONS


def open_model(
    *, quality: str | None, model: str | Path | None, backend: str, threads: int
) -> Engine:
    """The engine that a run with these options takes.

    Raises:
        SteadyposeError: There is no such model, or no backend can run it.
    """
    if quality is not None and quality not in QUALITIES:
        raise UsageError(f"there is no quality {quality!r}", fix=f"one of {', '.join(QUALITIES)}")
    options = EngineOptions(threads=threads or default_threads())
    if model is None and quality is None:
        return open_best(backend=backend, options=options, is_auto_build=False).opened.engine
    path = Path(model) if model is not None else QUALITIES[quality or ""]
    opened = open_chosen(path, backend=backend, options=options, is_auto_build=False)
    return opened.engine


def make_pipeline(engine: Engine, *, persons: int, smooth: str, is_paced: bool) -> Pipeline:
    """Finding, tracking and smoothing as the app does it.

    Raises:
        UsageError: There is no such filter, or nobody to track.
    """
    if smooth not in NAMES:
        raise UsageError(f"there is no filter {smooth!r}", fix=f"one of {', '.join(NAMES)}")
    if not 1 <= persons <= MOST_PERSONS:
        raise UsageError(f"{persons} persons cannot be tracked", fix=f"from 1 to {MOST_PERSONS}")
    smoother = make_smoother(smooth, persons + CANDIDATES, len(engine.spec.skeleton))
    return Pipeline(engine, persons=persons, smoother=smoother, is_paced=is_paced)


class Tracker:
    """Finds and tracks people in the pictures of one camera, in the order they were taken.

    Use one for each camera. Close it, or use it in a ``with``.

    Args:
        persons: How many people to track, 1 to 10.
        quality: ``fast``, ``balanced`` or ``best``; None: the default.
        model: A model file instead.
        smooth: ``steady``, ``balanced``, ``responsive`` or ``off``.
        backend: As on the command line.
        threads: CPU threads of the network; 0: all, at most 8.

    Raises:
        Error: An option cannot be used, or the model cannot be opened.
    """

    def __init__(
        self,
        *,
        persons: int = 1,
        quality: str | None = None,
        model: str | Path | None = None,
        smooth: str = "balanced",
        backend: str = "auto",
        threads: int = 0,
    ) -> None:
        self._engine = open_model(quality=quality, model=model, backend=backend, threads=threads)
        try:
            self._pipeline = make_pipeline(
                self._engine, persons=persons, smooth=smooth, is_paced=True
            )
        except BaseException:
            self._engine.close()
            raise
        self._is_smooth = smooth != "off"
        self._index = 0
        self._begin_s: float | None = None
        self._last_s: float | None = None

    def __call__(self, image_bgr: NDArray[np.uint8], *, time_s: float | None = None) -> Frame:
        """Find the people of the next picture.

        Args:
            image_bgr: (H, W, 3) uint8, blue first as OpenCV has it. Not changed, not kept
                beyond the returned frame.
            time_s: When it was taken, seconds on any clock that only grows; None: now.

        Raises:
            Error: It is no such picture, or its time lies before the last one's.
        """
        if time_s is None:
            now_s = time.perf_counter()
            self._begin_s = now_s if self._begin_s is None else self._begin_s
            time_s = now_s - self._begin_s
        if not math.isfinite(time_s):
            raise UsageError(f"{time_s} is no time", fix="pass seconds, or leave time_s out")
        if self._last_s is not None and time_s < self._last_s:
            raise UsageError(
                f"time runs backwards: {time_s:g} s after {self._last_s:g} s",
                fix="pass pictures in the order they were taken, one Tracker for each camera",
            )
        frame = datatypes.Frame(image_bgr, self._index, time_s, time.perf_counter())
        self._last_s = time_s
        self._index += 1
        self._pipeline.process(frame)
        return hand_out(self._pipeline, frame, is_smooth=self._is_smooth)

    def close(self) -> None:
        """Free the network. Safe to call twice."""
        self._engine.close()

    def __enter__(self) -> Tracker:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def hand_out(pipeline: Pipeline, frame: datatypes.Frame, *, is_smooth: bool) -> Frame:
    """The frame that a pipeline has just completed, for users of the library."""
    poses = tuple(pipeline.poses(is_smooth=is_smooth))
    number = pipeline.completed
    image = frame.image_bgr.view()
    image.flags.writeable = False

    def predict(time_s: float) -> list[Pose]:
        if pipeline.completed != number:
            raise UsageError(
                "this frame is not the newest any more", fix="ask a frame before fetching the next"
            )
        return pipeline.poses_ahead(time_s) if is_smooth else list(poses)

    unknown = [np.full((len(pose.xy), 2, 2), np.nan) for pose in poses]
    certainty = pipeline.covariances() if is_smooth else unknown
    people = tuple(map(to_person, poses, certainty))
    return Frame(image, frame.index, frame.time_s, people, poses, predict)
