"""The one loop of app and library: frames of a source, one after another, their people found."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass
from typing import Generic, TypeVar

from steadypose.engines.errors import EngineError, SteadyposeError
from steadypose.realtime.datatypes import FloatArray, Frame
from steadypose.realtime.sources.base import Source
from steadypose.realtime.tracking.pipeline import Crops, Pipeline
from steadypose.realtime.tracking.turns import short_turns

T = TypeVar("T")


@dataclass(slots=True)
class Stream(Generic[T]):
    """Reads, finds and tracks; the engine works on a frame while the caller does on the last.

    Attributes:
        source: Not closed here.
        pipeline: Not closed here; nothing is left in its engine, however the iteration ends.
        take: Makes what is yielded of a frame whose people have just been tracked.
        wait_s: How long one look at the source may take: between two, Ctrl-C is answered.
        may_read: Asked before each look; while it may not, None is yielded.
        apart: Around everything that waits for source or engine.
        limit: The source ends after this many frames.
        fetched: How many frames were read.
    """

    source: Source
    pipeline: Pipeline
    take: Callable[[Crops], T]
    wait_s: float = 0.1
    may_read: Callable[[], bool] = lambda: True
    apart: Callable[[], AbstractContextManager[None]] = nullcontext
    limit: int | None = None
    fetched: int = 0

    def run(self) -> Generator[T | None, None, None]:
        """Each frame in turn, to the end of the source; None where there is none now.

        A file's next frame is prepared while the engine works, so only the hand-over lies between
        two inferences. A live frame is completed before the next is cut: the newest pose gives
        the best crop, and it is yielded at once where no other has arrived.

        Raises:
            SteadyposeError: The source broke; all frames before were yielded.
            KeyboardInterrupt: Likewise.
        """
        with short_turns():
            yield from self._live() if self.source.is_paced else self._ahead()

    def _live(self) -> Generator[T | None, None, None]:
        done: list[T] = []
        in_engine: Crops | None = None
        failure: BaseException | None = None
        try:
            while True:
                try:
                    in_engine = self._fetch(0.0 if done else self.wait_s)
                except (SteadyposeError, KeyboardInterrupt) as error:
                    failure = error
                find = self._find
                if in_engine is not None and done:
                    self._start(in_engine)
                    find = self._finish
                elif in_engine is None and not done and failure is None:
                    if self._is_over():
                        return
                    yield None
                if done:
                    yield done.pop()
                if failure is not None:
                    raise failure
                if in_engine is not None:
                    done.append(self._completed(in_engine, find(in_engine)))
                    in_engine = None
        finally:
            failure = None  # it holds this frame, which would hold it
            self._take_back(in_engine)

    def _ahead(self) -> Generator[T | None, None, None]:
        in_engine: Crops | None = None
        failure: BaseException | None = None
        try:
            while True:
                following: Crops | None = None
                try:
                    following = None if failure else self._fetch_of_file()
                except (SteadyposeError, KeyboardInterrupt) as error:
                    failure = error  # raised once the frame in the engine was yielded
                crops = in_engine
                found = None if crops is None else self._finish(crops)
                in_engine = None
                if following is not None:
                    in_engine = following
                    self._start(following)
                if crops is not None and found is not None:
                    yield self._completed(crops, found)
                elif failure is not None:
                    raise failure
                elif following is None:
                    if self._is_over():
                        return
                    yield None
        finally:
            failure = None  # it holds this frame, which would hold it
            self._take_back(in_engine)

    def _fetch(self, wait_s: float) -> Crops | None:
        """The next frame, prepared; None if there is none now, or none is wanted."""
        if self._is_full() or not self.may_read():
            return None
        with self.apart():
            frame: Frame | None = self.source.read(wait_s)
        if frame is None:
            return None
        self.fetched += 1
        return self.pipeline.prepare(frame)

    def _fetch_of_file(self) -> Crops | None:
        """The next frame; a file is waited for, so that no crop depends on when it was read."""
        crops = None
        while crops is None and self.may_read() and not self._is_over():
            crops = self._fetch(self.wait_s)
        return crops

    def _is_full(self) -> bool:
        return self.limit is not None and self.fetched >= self.limit

    def _is_over(self) -> bool:
        """A program that is paused at the last frame goes on when it may."""
        return self.may_read() and (self._is_full() or self.source.is_over)

    def _start(self, crops: Crops) -> None:
        with self.apart():
            self.pipeline.start(crops)

    def _finish(self, crops: Crops) -> FloatArray:
        with self.apart():
            return self.pipeline.finish(crops)

    def _find(self, crops: Crops) -> FloatArray:
        with self.apart():
            return self.pipeline.find(crops)

    def _take_back(self, crops: Crops | None) -> None:
        """Leave nothing in the engine.

        An interrupt may fall into the hand-over, so whether the engine has them is not known;
        what ended the iteration is told, and not that it has not.
        """
        if crops is not None:
            with suppress(EngineError):
                self.pipeline.finish(crops)

    def _completed(self, crops: Crops, found: FloatArray) -> T:
        begin_s = time.perf_counter()
        self.pipeline.complete(crops, found)
        taken = self.take(crops)
        crops.track_ms = (time.perf_counter() - begin_s) * 1e3
        return taken
