"""Open a source, or several, and a network."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack
from numbers import Integral
from os import PathLike
from typing import TYPE_CHECKING, Any, overload

from steadypose.api.frames import Frames
from steadypose.api.given import text_of
from steadypose.api.many import ManyFrames
from steadypose.api.options import Chosen, Options, open_model
from steadypose.api.wording import in_arguments
from steadypose.engines.errors import UsageError
from steadypose.engines.wording.advice import command
from steadypose.realtime.model.sharing import SharedEngine
from steadypose.realtime.sources.address import spelled_out
from steadypose.realtime.sources.camera import CameraMode
from steadypose.realtime.sources.opening import BROWSER, SourceOptions, open_source

if TYPE_CHECKING:
    from typing_extensions import Unpack

Place = int | str | PathLike[str]
"""A camera's number, or what a source is called."""


@overload
def open(  # type: ignore[overload-overlap]  # noqa: A001 - see below; a text is one
    source: Place = ...,
    *,
    mode: CameraMode | None = ...,
    realtime: bool = ...,
    **options: Unpack[Options],
) -> Frames: ...


@overload
def open(  # noqa: A001 - see below
    source: Iterable[Place],
    *,
    mode: CameraMode | None = ...,
    realtime: bool = ...,
    **options: Unpack[Options],
) -> ManyFrames: ...


@in_arguments()
def open(  # noqa: A001 - sp.open reads as it works
    source: Place | Iterable[Place] = 0,
    *,
    mode: CameraMode | None = None,
    realtime: bool = False,
    **options: Unpack[Options],
) -> Frames | ManyFrames:
    """Open a source and a network; use the result in a ``with`` and iterate over it.

    Args:
        source: Camera number, device path, video file, folder or glob of pictures, address, or
            ``demo``; ``@FILE`` and ``env:NAME`` hold an address. Several of them: all are
            followed at the same time, with one network.
        mode: Size, rate and format to ask a camera for.
        realtime: Play a file at its own speed.
        options: See ``Options``.

    Raises:
        Error: The source or the model cannot be opened, or an option cannot be used.
    """
    several = _several(source)
    texts = [_text_of(one) for one in ([source] if several is None else several)]
    _check(mode, realtime)
    if several is not None:
        return _open_many(texts, mode, options, is_paced=realtime)
    return _open_one(texts[0], mode, Chosen.of(options), is_paced=realtime)


def _several(source: Any) -> Iterable[Any] | None:
    """Sources one after the other; None where it is one, or has no order."""
    if isinstance(source, (str, bytes, bytearray, memoryview, PathLike, set, frozenset)):
        return None
    try:
        found: Iterable[Any] = iter(source)
    except TypeError:  # no iterable, or an array without a side
        return None
    return found


def _text_of(source: Any) -> str:
    """What a source is called on a command line, where everything is text."""
    is_number = isinstance(source, Integral) and not isinstance(source, bool)
    text = str(source) if is_number else text_of(source)
    if text is None:
        raise UsageError(
            f"source={source!r:.60} is no source",
            fix="give a camera's number, a path, an address, or a list of them",
        )
    text = spelled_out(text)
    if text == BROWSER:
        raise UsageError(
            f'source="{BROWSER}" needs a page, which only a run serves',
            fix=f"{command('run')} --source {BROWSER} --serve 8000, or give a camera's number",
        )
    return text


def _check(mode: Any, realtime: Any) -> None:
    if mode is not None and not isinstance(mode, CameraMode):
        fix = "give sp.CameraMode(width=640, height=480)"
        raise UsageError(f"mode={mode!r:.60} is no camera mode", fix=fix)
    if not isinstance(realtime, bool):
        raise UsageError(f"realtime={realtime!r:.60} is neither True nor False", fix="give one")


def _open_many(
    sources: list[str], mode: CameraMode | None, options: Any, *, is_paced: bool
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


def _open_one(source: str, mode: CameraMode | None, chosen: Chosen, *, is_paced: bool) -> Frames:
    with ExitStack() as undo:
        engine = chosen.open_engine()
        undo.callback(engine.close)
        asked = SourceOptions(source, mode or CameraMode(), is_paced=is_paced)
        opened = open_source(asked)
        undo.callback(opened.close)
        pipeline = chosen.make_pipeline(engine, is_paced=opened.is_paced)
        frames = Frames(opened, pipeline, is_smooth=chosen.is_smooth)
        undo.pop_all()
    return frames
