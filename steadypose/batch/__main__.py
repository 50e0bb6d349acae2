"""The command ``steadypose batch 'clips/**/*.mp4' --out DIR``."""

from __future__ import annotations

if __name__ == "__main__":  # before anything is loaded: Ctrl-C is a sentence from now on
    from importlib import import_module

    import_module("steadypose.start").tool("batch.__main__", below="steadypose")

import argparse
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from steadypose.batch.clips import find_clips
from steadypose.batch.driving import Tally, outcomes
from steadypose.batch.on_ray import RayCrew
from steadypose.batch.options import build_parser, to_order, workers_of
from steadypose.batch.order import Clip, Order
from steadypose.batch.outcome import Crew, Outcome
from steadypose.batch.processes import Processes
from steadypose.batch.store import alone_in, is_url, open_store
from steadypose.engines.errors import SteadyposeError
from steadypose.engines.foreign import patience
from steadypose.engines.wording import telling
from steadypose.engines.wording.advice import said, typed_here
from steadypose.engines.wording.printable import visible
from steadypose.realtime.cli import model_of
from steadypose.realtime.command.console import clear, say
from steadypose.realtime.command.written_files import check_written


def main(argv: Sequence[str] | None = None) -> int:
    """Work through an archive; returns the exit code: 0 all done, 2 something failed."""
    patience.is_command = True
    typed = sys.argv[1:] if argv is None else argv
    try:
        arguments = build_parser().parse_args(typed)
        order = to_order(arguments, model_of(arguments), typed)
        out = None if is_url(order.out) else Path(order.out)
        clips = find_clips(arguments.clips, leave_out=out)
        return _work(arguments, order, clips)
    except SteadyposeError as error:
        say(*said(error.what, error.fix))
    except KeyboardInterrupt:
        say("error: interrupted before the first clip", "  fix: run it again")
    return 2


def _work(arguments: argparse.Namespace, order: Order, clips: list[Clip]) -> int:
    tally, is_interrupted = Tally(clips), False
    with _target(order, clips):
        try:
            with ExitStack() as opened:
                crew = _crew(arguments, order, len(clips))
                opened.callback(crew.close)
                _drive(crew, clips, tally)
        except KeyboardInterrupt:
            is_interrupted = True
    clear()
    for outcome in tally.failed:
        say(_line(outcome))
    telling.tell(tally.summary(), to_error=False)
    if is_interrupted:
        say(
            "error: interrupted; what is done is complete",
            "  fix: the same command goes on where this one ended",
        )
    elif tally.failed:
        say(
            _count(len(tally.failed), len(clips)),
            "  fix: mend or remove them; the same command does only what is missing",
        )
    return 2 if is_interrupted or tally.failed else 0


def _count(failed: int, clips: int) -> str:
    rest = "; all others are done" if failed < clips else ""
    return f"error: {failed} of {clips} failed, see above{rest}"


def _line(outcome: Outcome) -> str:
    """What became of a clip that failed."""
    shown = visible(outcome.clip.shown)
    what = outcome.what.replace(str(outcome.clip.path), shown)
    return f"failed: {what if shown in what else f'{shown}: {what}'}; {typed_here(outcome.fix)}"


def _drive(crew: Crew, clips: list[Clip], tally: Tally) -> None:
    is_told, told = False, set[str]()
    for outcome in outcomes(crew, clips):
        if outcome is not None:
            tally.add(outcome)
            if not is_told:
                is_told = True
                say(f"at work: {crew.label}")
            for note in outcome.engine_notes:
                if note not in told:  # each worker has an engine, and most say the same
                    told.add(note)
                    say(f"note: {note}")
            for note in outcome.notes:
                say(f"note: {visible(outcome.clip.shown)}: {note}")
        tally.show()


def _crew(arguments: argparse.Namespace, order: Order, clips: int) -> Crew:
    count = workers_of(arguments)
    if arguments.ray is not None:
        return RayCrew(order, min(count, clips), arguments.ray)
    return Processes(order, min(count, clips))


@contextmanager
def _target(order: Order, clips: list[Clip]) -> Iterator[None]:
    """Check and hold what is written to.

    Raises:
        SteadyposeError: It cannot be written, or something would be destroyed.
    """
    if is_url(order.out):
        open_store(order.out)
        yield
        return
    root = Path(order.out)
    with alone_in(root):
        files = ((root / name, "--out") for clip in clips for name in order.names(clip))
        check_written(
            files,
            read=[clip.path for clip in clips],
            is_forced=order.settings.is_forced,
            makes_folders=True,
        )
        yield
