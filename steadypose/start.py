"""The app and its tools as commands, here (run.py, python -m realtime...) or installed."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from importlib import import_module
from typing import NoReturn

from steadypose.engines.wording import telling
from steadypose.realtime.command.stopping.signals import Stop


def main() -> NoReturn:
    """Run the app; Ctrl-C, SIGTERM and SIGHUP end it with a sentence from the first moment on."""
    _run(_app)


def _app(stop: Stop) -> int:
    _leave_out("openvino.tools.ovc")  # OpenVINO's converter, a tenth of the start; unused
    code: int = import_module("steadypose.realtime.cli").main(stop=stop)
    return code


def tool(name: str, *, below: str = "steadypose.realtime") -> NoReturn:
    """Run a tool by the name of its module, which stands in a package."""

    def run(stop: Stop) -> int:
        work = import_module(f"{below}.{name}").main
        stop.check()  # a package may have swallowed it while it was loaded
        code: int = work()
        return code

    _run(run)


def _run(command: Callable[[Stop], int]) -> NoReturn:
    telling.open_closed_streams()
    stop = Stop(
        owns_process=True
    )  # before anything is loaded: packages swallow interrupts while they load
    try:
        stop.listen()
        stop.watch()
        code = command(stop)
    except KeyboardInterrupt as interrupt:  # while the program was still loading
        name = str(interrupt) or "SIGINT"
        telling.tell((f"error: interrupted ({name}) before the start", "  fix: run it again"))
        code = 2
    except Exception:
        if not stop.needs_hard_end:
            raise
        sys.excepthook(*sys.exc_info())
        code = 1
    telling.flush()
    stop.is_over.set()
    if stop.needs_hard_end:  # files are closed
        os._exit(code)
    sys.exit(code)


def _leave_out(module: str) -> None:
    """Keep a package that can do without one of its modules from importing it."""
    sys.modules.setdefault(module, None)  # type: ignore[arg-type]  # as the import system's docs say
