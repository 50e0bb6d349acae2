"""Frames of a source, one after another, each with its people found."""

from __future__ import annotations

from collections.abc import Generator

from steadypose.engines.errors import SteadyposeError
from steadypose.realtime.datatypes import Frame
from steadypose.realtime.sources.base import Source
from steadypose.realtime.tracking.pipeline import Crops, Pipeline

_WAIT_S = 0.1  # how long one look at the source may take: between two, Ctrl-C is answered


def completed(source: Source, pipeline: Pipeline) -> Generator[Frame, None, None]:
    """Track the people of a source; ``pipeline.poses`` are those of the frame yielded last.

    Of a file, the next frame is in the engine while the caller works on this one. A live
    frame is yielded at once.

    Args:
        source: Not closed here.
        pipeline: Not closed here; nothing is left in its engine, however the iteration ends.

    Raises:
        SteadyposeError: The source broke; all frames before were yielded.
    """
    return _live(source, pipeline) if source.is_paced else _ahead(source, pipeline)


def _live(source: Source, pipeline: Pipeline) -> Generator[Frame, None, None]:
    while not source.is_over:
        frame = source.read(_WAIT_S)
        if frame is not None:
            pipeline.process(frame)
            yield frame


def _ahead(source: Source, pipeline: Pipeline) -> Generator[Frame, None, None]:
    in_engine = _fetch(source, pipeline)
    if in_engine is not None:
        pipeline.start(in_engine)
    failure: SteadyposeError | None = None
    try:
        while in_engine is not None:
            crops, following = in_engine, None
            try:
                following = _fetch(source, pipeline)
            except SteadyposeError as error:
                failure = error  # raised once the frame in the engine was yielded
            in_engine = None
            found = pipeline.finish(crops)
            if following is not None:
                pipeline.start(following)
                in_engine = following
            pipeline.complete(crops, found)
            yield crops.frame
    finally:
        if in_engine is not None:
            pipeline.finish(in_engine)
    if failure is not None:
        raise failure


def _fetch(source: Source, pipeline: Pipeline) -> Crops | None:
    """The next frame of a file, prepared; None at its end."""
    frame = None
    while frame is None and not source.is_over:
        frame = source.read(_WAIT_S)
    return None if frame is None else pipeline.prepare(frame)
