"""The run itself, and all that has to happen however it ends."""

from __future__ import annotations

import sys

from steadypose.engines.errors import SteadyposeError
from steadypose.engines.wording import telling
from steadypose.realtime.app.loop import App
from steadypose.realtime.command.console import clear, report, say
from steadypose.realtime.command.settings import Settings
from steadypose.realtime.command.stop import Stop
from steadypose.realtime.command.summary import summary, write_figures


def resume(app: App, settings: Settings, stop: Stop) -> int:
    """``finish`` from within the end of the process; nothing may be raised out of it."""
    try:
        code = finish(app, settings, stop)
    except (SteadyposeError, KeyboardInterrupt) as error:
        code = report(error)
    except BaseException:
        sys.excepthook(*sys.exc_info())
        code = 1
    telling.flush()
    return code


def finish(app: App, settings: Settings, stop: Stop | None) -> int:
    """Loop, close everything, report; it may go on where an earlier call was left.

    Raises:
        SteadyposeError: A part failed; what was recorded is kept.
    """
    problem: BaseException | None = None
    # Files are closed whatever happened, a bug included.

    def work() -> None:
        if stop is not None:  # a package may have swallowed it while the source was opened
            stop.check()
        app.run()

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
