"""Open a source, or several, and a network."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from steadypose.api.frames import Frames
from steadypose.api.many import ManyFrames
from steadypose.api.options import Chosen, Options, open_model
from steadypose.api.wording import in_arguments
from steadypose.engines.errors import UsageError
from steadypose.realtime.model.sharing import SharedEngine
from steadypose.realtime.sources.address import spelled_out
from steadypose.realtime.sources.camera import CameraMode
from steadypose.realtime.sources.opening import SourceOptions, open_source

if TYPE_CHECKING:
    from typing_extensions import Unpack

Place = int | str | Path
"""A camera's number, or what a source is called."""


@overload
def open(  # noqa: A001 - see below
    source: Place = ...,
    *,
    mode: CameraMode | None = ...,
    realtime: bool = ...,
    **options: Unpack[Options],
) -> Frames: ...


@overload
def open(  # noqa: A001 - see below
    source: list[Place] | tuple[Place, ...],
    *,
    mode: CameraMode | None = ...,
    realtime: bool = ...,
    **options: Unpack[Options],
) -> ManyFrames: ...


@in_arguments()
def open(  # noqa: A001 - sp.open reads as it works
    source: Place | list[Place] | tuple[Place, ...] = 0,
    *,
    mode: CameraMode | None = None,
    realtime: bool = False,
    **options: Unpack[Options],
) -> Frames | ManyFrames:
    """Open a source and a network; use the result in a ``with`` and iterate over it.

    Args:
        source: Camera number, device path, video file, folder or glob of pictures, address, or
            ``demo``; ``@FILE`` and ``env:NAME`` hold an address. A list of them: all are
            followed at the same time, with one network.
        mode: Size, rate and format to ask a camera for.
        realtime: Play a file at its own speed.
        options: See ``Options``.

    Raises:
        Error: The source or the model cannot be opened, or an option cannot be used.
    """
    _check(source, mode, realtime)
    if isinstance(source, (list, tuple)):
        return _open_many(source, mode, options, is_paced=realtime)
    return _open_one(source, mode, Chosen.of(options), is_paced=realtime)


def _check(source: Any, mode: Any, realtime: Any) -> None:
    for one in source if isinstance(source, (list, tuple)) else [source]:
        if not isinstance(one, Place) or isinstance(one, bool):
            raise UsageError(
                f"source={one!r:.60} is no source",
                fix="give a camera's number, a path, an address, or a list of them",
            )
    if mode is not None and not isinstance(mode, CameraMode):
        fix = "give sp.CameraMode(width=640, height=480)"
        raise UsageError(f"mode={mode!r:.60} is no camera mode", fix=fix)
    if not isinstance(realtime, bool):
        raise UsageError(f"realtime={realtime!r:.60} is neither True nor False", fix="give one")


def _open_many(
    sources: Sequence[Place], mode: CameraMode | None, options: Any, *, is_paced: bool
) -> ManyFrames:
    if not sources:
        raise UsageError("no source is given", fix="sp.open([0, 1])")
    chosen = Chosen.of(options)
    with ExitStack() as undo:
        if chosen.network is None:
            shared = SharedEngine(lambda: open_model(chosen, is_shared=True))
            undo.callback(shared.close)
            release = shared.close
            chosen = Chosen(persons=chosen.persons, smooth=chosen.smooth, network=shared)
        else:
            release = _nothing
        opened = []
        for source in sources:
            opened.append(_open_one(source, mode, chosen, is_paced=is_paced))
            undo.callback(opened[-1].close)
        undo.pop_all()
    return ManyFrames(opened, release)


def _nothing() -> None:
    """A network of others stays open."""


def _open_one(source: Place, mode: CameraMode | None, chosen: Chosen, *, is_paced: bool) -> Frames:
    with ExitStack() as undo:
        engine = chosen.open_engine()
        undo.callback(engine.close)
        asked = SourceOptions(spelled_out(str(source)), mode or CameraMode(), is_paced=is_paced)
        opened = open_source(asked)
        undo.callback(opened.close)
        pipeline = chosen.make_pipeline(engine, is_paced=opened.is_paced)
        frames = Frames(opened, pipeline, is_smooth=chosen.is_smooth)
        undo.pop_all()
    return frames
