"""The command line of the app."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path

# Before OpenCV is loaded: its own warnings would surround our one sentence.
os.environ.setdefault("OPENCV_LOG_LEVEL", "OFF")
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
os.environ.setdefault("QT_LOGGING_RULES", "*.warning=false")

import cv2

from steadypose.engines.base import Engine
from steadypose.engines.errors import SteadyposeError, UsageError
from steadypose.engines.foreign import patience
from steadypose.engines.foreign.claims import Claim, is_standard_output
from steadypose.engines.options import default_threads
from steadypose.engines.wording import telling
from steadypose.realtime.app.display import Window, open_display, why_headless
from steadypose.realtime.app.draw import draw_poses
from steadypose.realtime.app.grid import Grid
from steadypose.realtime.app.many import Member
from steadypose.realtime.app.two_threads import ApartDisplay, LoopThread
from steadypose.realtime.app.waiting import ClosedError, open_beside
from steadypose.realtime.command.assembly import assemble
from steadypose.realtime.command.config.reading import parse_with_config
from steadypose.realtime.command.console import answer, report, say
from steadypose.realtime.command.ending import finish, finish_instead, resume
from steadypose.realtime.command.engine_opening import open_for
from steadypose.realtime.command.options.command_line import build_parser, to_settings
from steadypose.realtime.command.options.engine import backend_of, engine_options
from steadypose.realtime.command.output_checks import check_angles, check_outputs
from steadypose.realtime.command.settings import Settings
from steadypose.realtime.command.several import each_of, finish_together, joint_of
from steadypose.realtime.command.stopping.signals import Stop
from steadypose.realtime.model.best_built import Taken
from steadypose.realtime.model.places import DEFAULT_MODEL, QUALITIES
from steadypose.realtime.model.recovering import recovering
from steadypose.realtime.model.sharing import SharedEngine
from steadypose.realtime.record.formats.tables import TableFormat
from steadypose.realtime.record.joint import JointTable
from steadypose.realtime.record.live.opening import open_live, open_page
from steadypose.realtime.smooth.presets import check_smoother
from steadypose.realtime.sources.opening import BROWSER
from steadypose.realtime.tracking.turns import take_short_turns

take_short_turns()


def main(argv: Sequence[str] | None = None, *, stop: Stop | None = None) -> int:
    """Run the app; returns the exit code: 0 done, 2 something the user can fix.

    Args:
        argv: Arguments; None takes the process's own.
        stop: Signal handler that has watched since before this module was loaded.
    """
    patience.is_command = True
    stop = stop or Stop()
    if argv is None:
        stop.watch()  # a program of its own, which one of the signals may end
    try:
        stop.check()
        typed = sys.argv[1:] if argv is None else argv
        arguments, from_file = parse_with_config(build_parser, typed)
        if arguments.doctor:
            from steadypose.realtime.command.doctor import examine  # noqa: PLC0415 - starting a camera needs none of it

            arguments.fetch = False  # it looks, and changes nothing
            try:
                chosen, backend = model_of(arguments), backend_of(arguments)
                lines = examine(chosen, backend=backend, asked=engine_options(arguments))
            except SteadyposeError as error:
                lines = [*examine(DEFAULT_MODEL), f"{'--model':<14} {error.what}"]
            return answer(lines)
        if arguments.list_models:
            from steadypose.realtime.model.zoo_listing import listing  # noqa: PLC0415 - nor the zoo

            return answer(listing())
        if arguments.list_cameras:
            from steadypose.realtime.sources.capture import listing as cameras  # noqa: PLC0415

            return answer(cameras.lines_of(cameras.list_cameras()) or ["no camera"])
        settings = to_settings(arguments, model_of(arguments))
        return run(settings, stop, typed=[*from_file, *typed])
    except (SteadyposeError, KeyboardInterrupt) as error:
        return report(error)


def model_of(arguments: argparse.Namespace) -> Path | None:
    """The file that ``--model`` or ``--quality`` means; None: nobody chose.

    Raises:
        SteadyposeError: A published model is not here, or could not be made.
    """
    if arguments.model is None:
        if arguments.fetch:
            raise UsageError("--fetch needs --model NAME", fix="--list-models shows the names")
        return QUALITIES[arguments.quality] if arguments.quality else None
    if not Path(arguments.model).name:
        raise UsageError(
            f"--model {arguments.model!r} names no file", fix="--list-models shows what there is"
        )
    from steadypose.realtime.model.choice import choose_model  # noqa: PLC0415 - the default needs none of it

    return choose_model(arguments.model, is_fetching=arguments.fetch)


def run(settings: Settings, stop: Stop, *, typed: Sequence[str] = ()) -> int:
    """Open everything, loop, close everything, report.

    Args:
        settings: What to do.
        stop: Signal handler.
        typed: The command line, for the description of the recording.
    """
    stop.listen()
    try:
        check_angles(settings, say)
        check_smoother(settings.smoother)
        return (_run_several if settings.further else _run_one)(settings, stop, typed)
    except ClosedError:
        stop.needs_hard_end = True  # what is still being opened would abort an orderly one
        say("closed before there was a picture")
        return 0


def _run_one(settings: Settings, stop: Stop, typed: Sequence[str]) -> int:
    # Crops are small: OpenCV's pool only steals time from the network's threads.
    cv2.setNumThreads(1)
    check_outputs(settings, say)
    if any(map(is_standard_output, settings.recordings)):
        telling.reserve_output()
    # A window needs the main thread: the loop, and the engine with it, gets another.
    loop = LoopThread(is_apart=not settings.is_headless and why_headless() is None)
    taken = loop.do(partial(open_for, settings))
    opened = taken.opened
    engine = _with_successors(taken, settings)
    if taken.reason:
        say(f"model: {taken.reason}")
    settings = replace(settings, model=taken.model)
    stop.check()
    if engine.spec.decoder.startswith("coordinates"):
        say("note: this network outputs no scores, so every frame appears to contain a person")
    say(f"engine: {engine.spec.name} on {engine.label}, ready in {opened.open_s:.2f} s")
    for reason in opened.passed_over:
        say(f"passed over {reason}")
    try:
        return _run_with(engine, settings, typed, stop, loop)
    finally:
        loop.do(engine.close)


def _run_with(
    engine: Engine,
    settings: Settings,
    typed: Sequence[str],
    stop: Stop | None = None,
    loop: LoopThread | None = None,
) -> int:
    window, reason = open_display(is_headless=settings.is_headless)
    display = ApartDisplay(window, loop) if loop and loop.is_apart else window
    if reason is not None:
        say(f"no window: {reason}")
    with ExitStack() as opened:  # closed here only where something fails before the run
        opened.callback(display.close)
        skeleton = engine.spec.skeleton
        live = open_live(settings.live, skeleton, persons=settings.persons, draw=draw_poses)
        opened.callback(live.close)
        if (page := live.page) is not None:
            say(f"page: {page.url}")
        # Somebody watches: the demo plays like a camera, at its own speed and without an end.
        is_watched = display.is_window or page is not None
        inlet = page.inlet if page is not None else None
        source = open_beside(window, replace(settings.source, is_watched=is_watched, inlet=inlet))
        opened.callback(source.close)
        say(f"source: {source.label}")
        if live.names:  # a file of options may have said so
            say(f"poses are sent live: {live.names}")
        elif not (display.is_window or settings.recordings or settings.benchmark):
            say("nothing will be saved: add --csv out.csv or --save-video out.mp4")
        app = assemble(
            settings,
            engine=engine,
            source=source,
            display=display,
            live=live,
            typed=typed,
            second_pass=_smooth_again,
            say=say,
        )
        run_app = app.run
        if isinstance(display, ApartDisplay):
            run_app = partial(display.run, app.run, end=app.quit)
            if stop is not None:
                instead = partial(finish_instead, display.wait, app, settings)
                run_app = partial(stop.run, run_app, app.quit, instead)
        if stop is not None and stop.owns_process and isinstance(window, Window):
            stop.needs_hard_end = window.guard(partial(resume, run_app, app, settings, stop))
        opened.pop_all()
    return finish(run_app, app, settings, stop)


def _run_several(settings: Settings, stop: Stop, typed: Sequence[str]) -> int:
    """Several sources: a loop for each on a thread of its own, one engine, one window."""
    cv2.setNumThreads(1)
    each, together = each_of(settings), joint_of(settings)
    for one in (*each, together):
        check_outputs(one, say)
    asked = settings.engine  # several cameras leave no thread over
    alike = replace(settings, engine=replace(asked, threads=asked.threads or default_threads()))
    shared = SharedEngine(lambda: _with_successors(open_for(alike), alike))
    with ExitStack() as opened:
        opened.callback(shared.close)
        skeleton, names = shared.spec.skeleton, settings.names
        say(f"engine: {shared.spec.name} on {shared.label}, shared by {len(each)} sources")
        window, reason = open_display(is_headless=settings.is_headless)
        if reason is not None:
            say(f"no window: {reason}")
        page = None
        if settings.live.serve is not None:
            pairs = zip(names, each, strict=True)
            camera = next((name for name, one in pairs if one.source.text == BROWSER), "")
            page = open_page(
                settings.live, settings.live.serve, skeleton, draw_poses, names, camera
            )
            opened.callback(page.close)
            say(f"page: {page.url}")
        joint = next((JointTable(t, skeleton, together.split) for t in together.tables), None)
        grid = Grid(window, names)
        members = []
        for name, one, tile in zip(names, each, grid.tiles, strict=True):
            stop.check()
            seat = page.seats[name] if page is not None else None
            live = open_live(
                replace(one.live, serve=None),
                skeleton,
                persons=one.persons,
                source=name,
                seat=seat,
            )
            opened.callback(live.close)
            is_watched = window.is_window or page is not None
            inlet = seat.inlet if seat is not None else None
            source = open_beside(window, replace(one.source, is_watched=is_watched, inlet=inlet))
            opened.callback(source.close)
            say(f"{name}: {source.label}")
            app = assemble(
                one,
                engine=shared.share(),
                source=source,
                display=tile,
                live=live,
                typed=typed,
                second_pass=_smooth_again,
                say=partial(_say_of, name),
            )
            if joint is not None:
                joint.take(app.outputs, name)
            members.append(Member(name, app))
        last = [part.close for part in (joint, page) if part is not None]
        return finish_together(members, grid, settings, shared.batches, stop, last, joint)


def _say_of(name: str, text: str) -> None:
    say(f"{name}: {text}")


def _with_successors(taken: Taken, settings: Settings) -> Engine:
    """The engine that was opened, and what goes on for it where it is lost."""
    return recovering(
        taken.opened,
        taken.model,
        settings.engine_options(settings.engine.threads),
        say=say,
        skeleton=settings.skeleton.skeleton if settings.skeleton else None,
    )


def _smooth_again(path: Path, form: TableFormat, claim: Claim | None) -> None:
    """Give a finished table its second pass."""
    from steadypose.realtime.resmooth import resmooth  # noqa: PLC0415 - most runs end without

    say(f"second pass: {path} ({resmooth(path, path, form=form, owner=claim)})")
