"""The run itself, and all that has to happen however it ends."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial

from steadypose.engines.errors import SteadyposeError
from steadypose.engines.wording import telling
from steadypose.realtime.app.display import NullDisplay
from steadypose.realtime.app.loop import App
from steadypose.realtime.command.console import clear, report, say
from steadypose.realtime.command.settings import Settings
from steadypose.realtime.command.stopping.signals import Stop
from steadypose.realtime.command.summary import summary, write_figures


def code_of(work: Callable[[], int]) -> int:
    """What ends the process where nobody could catch anything; says what went wrong."""
    try:
        code = work()
    except (SteadyposeError, KeyboardInterrupt) as error:
        code = report(error)
    except BaseException:
        sys.excepthook(*sys.exc_info())
        code = 1
    telling.flush()
    return code


def resume(run: Callable[[], None], app: App, settings: Settings, stop: Stop) -> int:
    """``finish`` from within the end of the process; nothing may be raised out of it."""
    return code_of(partial(finish, run, app, settings, stop))


def finish_instead(wait: Callable[[], None], app: App, settings: Settings, name: str) -> int:
    """``finish`` where native code keeps the main thread, and the window with it.

    Args:
        wait: Waits for the loop, which has been told to end.
        app: What is closed and reported, but for its window.
        settings: Of the run.
        name: Of the signal that ended it.
    """

    def run() -> None:
        wait()
        raise KeyboardInterrupt(name)

    app.display = NullDisplay()
    return code_of(partial(finish, run, app, settings))


def finish(run: Callable[[], None], app: App, settings: Settings, stop: Stop | None = None) -> int:
    """Loop, close everything, report; it may go on where an earlier call was left.

    Args:
        run: Runs ``app``, or waits where that has begun.
        app: What is closed and reported.
        settings: Of the run.
        stop: Signal handler.

    Raises:
        SteadyposeError: A part failed; what was recorded is kept.
    """
    problem: BaseException | None = None
    # Files are closed whatever happened, a bug included.

    def work() -> None:
        if stop is not None:  # a package may have swallowed it while the source was opened
            stop.check()
        run()

    for step in (work, app.outputs.close, app.source.close, app.display.close):
        try:
            step()
        except BaseException as error:
            problem = problem or error
    clear()
    for remark in app.source.remarks:
        say(f"note: {remark}")
    telling.tell(summary(app), to_error=False)
    try:
        if settings.benchmark is not None:
            write_figures(app, settings.benchmark)
    finally:
        if problem is not None:
            raise problem
    return 0
