"""Frames of a camera, a file or an address, with the people in them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

from steadypose.api.frame import Frame
from steadypose.api.tracker import hand_out, make_pipeline, open_model
from steadypose.realtime.sources.address import spelled_out
from steadypose.realtime.sources.base import Source
from steadypose.realtime.sources.camera import CameraMode
from steadypose.realtime.sources.opening import SourceOptions, open_source
from steadypose.realtime.tracking.pipeline import Crops, Pipeline
from steadypose.realtime.tracking.stream import Stream


class Frames:
    """An open source with its network: iterate over it once.

    Args:
        source: Closed with this.
        pipeline: Its engine is closed with this.
        is_smooth: Hand out filtered positions.
    """

    def __init__(self, source: Source, pipeline: Pipeline, *, is_smooth: bool) -> None:
        self._source = source
        self._pipeline = pipeline
        self._is_smooth = is_smooth
        self._frames = Stream(source, pipeline, self._hand_out).run()

    @property
    def label(self) -> str:
        """The source in a line: what it is, size and rate."""
        return self._source.label

    @property
    def engine(self) -> str:
        """The network and what it runs on."""
        return f"{self._pipeline.engine.spec.name} on {self._pipeline.engine.label}"

    @property
    def names(self) -> tuple[str, ...]:
        """Keypoint names, in order."""
        return self._pipeline.engine.spec.skeleton.keypoints

    @property
    def fps(self) -> float:
        """Nominal frame rate of the source."""
        return self._source.fps

    @property
    def is_live(self) -> bool:
        """True for a camera or stream, whose unread frames are dropped."""
        return self._source.is_live

    @property
    def frame_count(self) -> int | None:
        """How many frames there are; None if it cannot be known."""
        return self._source.frame_count

    @property
    def trouble(self) -> str | None:
        """What is wrong with a camera or stream at the moment; None when all is well."""
        return self._source.trouble

    @property
    def dropped(self) -> int:
        """Frames of a live source that newer ones replaced so far."""
        return self._source.dropped

    def __iter__(self) -> Iterator[Frame]:
        """The frames: of a file every one, of a camera always the newest.

        Raises:
            Error: The source broke; all frames before were handed out.
        """
        for frame in self._frames:
            if frame is not None:
                yield frame

    def _hand_out(self, crops: Crops) -> Frame:
        return hand_out(self._pipeline, crops.frame, is_smooth=self._is_smooth)

    def close(self) -> None:
        """Release the camera or file and the network. Safe to call twice."""
        with ExitStack() as last:  # each happens, whatever the others raise
            last.callback(self._pipeline.engine.close)
            last.callback(self._source.close)
            last.callback(self._frames.close)

    def __enter__(self) -> Frames:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def open(  # noqa: A001, PLR0913 - sp.open reads as it works; options as on the command line
    source: int | str | Path = 0,
    *,
    persons: int = 1,
    quality: str | None = None,
    model: str | Path | None = None,
    smooth: str = "balanced",
    backend: str = "auto",
    threads: int = 0,
    mode: CameraMode | None = None,
    realtime: bool = False,
) -> Frames:
    """Open a source and a network; use the result in a ``with`` and iterate over it.

    Args:
        source: Camera number, device path, video file, folder or glob of pictures, address, or
            ``demo``; ``@FILE`` and ``env:NAME`` hold an address.
        persons: How many people to track, 1 to 10.
        quality: ``fast``, ``balanced`` or ``best``; None: the default.
        model: A model file instead.
        smooth: ``steady``, ``balanced``, ``responsive`` or ``off``.
        backend: As on the command line.
        threads: CPU threads of the network; 0: all, at most 8.
        mode: Size, rate and format to ask a camera for.
        realtime: Play a file at its own speed.

    Raises:
        Error: The source or the model cannot be opened, or an option cannot be used.
    """
    engine = open_model(quality=quality, model=model, backend=backend, threads=threads)
    try:
        options = SourceOptions(spelled_out(str(source)), mode or CameraMode(), is_paced=realtime)
        opened = open_source(options)
    except BaseException:
        engine.close()
        raise
    try:
        pipeline = make_pipeline(engine, persons=persons, smooth=smooth, is_paced=opened.is_paced)
    except BaseException:
        opened.close()
        engine.close()
        raise
    return Frames(opened, pipeline, is_smooth=smooth != "off")
