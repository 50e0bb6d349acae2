"""The app as a command: python run.py, or ``steadypose run``."""

from __future__ import annotations

import os
import signal
import sys
from typing import NoReturn

from steadypose.realtime.command.stop import Stop


def main() -> NoReturn:
    """Run the app; Ctrl-C and SIGTERM end it with a sentence from the first moment on."""
    stop = Stop()  # before anything is loaded: packages swallow interrupts while they load
    try:
        signal.signal(signal.SIGINT, stop)
        signal.signal(signal.SIGTERM, stop)
        stop.watch()
        _leave_out("openvino.tools.ovc")  # OpenVINO's converter, a tenth of the start; unused
        from steadypose.realtime.cli import main as run  # noqa: PLC0415 - see above

        code = run(stop=stop)
    except KeyboardInterrupt:  # while the program was still loading
        print("error: interrupted (SIGINT) before the start\n  fix: run it again", file=sys.stderr)
        code = 2
    if stop.was_asked:
        # Files are closed; native threads that were interrupted would abort an orderly exit.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)


def _leave_out(module: str) -> None:
    """Keep a package that can do without one of its modules from importing it."""
    sys.modules.setdefault(module, None)  # type: ignore[arg-type]  # as the import system's docs say
