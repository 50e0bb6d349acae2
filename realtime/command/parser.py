"""How all commands read their options and end: with a result, or a sentence and exit code 2."""

from __future__ import annotations

import argparse
import importlib.util
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

from steadypose.engines.errors import SteadyposeError, UsageError
from steadypose.engines.foreign import patience
from steadypose.engines.wording.printable import quoted, visible
from steadypose.engines.wording.telling import tell, tell_raw
from steadypose.realtime.model.places import ROOT


class Parser(argparse.ArgumentParser):
    """Usage errors look like all others: a fact and a fix, exit code 2."""

    stray_fix = ""
    """What to do about a word that belongs to no option; ``{word}`` stands for it."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"allow_abbrev": False, **options})

    def error(self, message: str) -> NoReturn:
        """Raise instead of exiting.

        Raises:
            UsageError: Always.
        """
        words = message.removeprefix("unrecognized arguments: ").split()
        fix = f"{self.prog} --help lists the options"
        is_stray = message.startswith("unrecognized") and words and not words[0].startswith("-")
        if is_stray and self.stray_fix:
            fix = self.stray_fix.format(word=quoted(words[0]))
        raise UsageError(message, fix=fix)

    def _print_message(self, message: str, file: Any = None) -> None:
        """Help and version, also where they are longer than somebody wants to read."""
        tell_raw(message or "", to_error=file is sys.stderr)


def called(tool: str = "") -> str:
    """What people type to run the app or one of its tools, here or where it is installed."""
    if (ROOT / "run.py").is_file():
        return f"python -m realtime.{tool}" if tool else "run.py"
    return f"steadypose-{tool}" if tool else "steadypose"


def file_name(text: str) -> Path:
    """Parse the name of a file, which neither an empty text nor a folder's dot is."""
    path = Path(text)
    if not path.name:
        raise argparse.ArgumentTypeError(f"{text!r} is not the name of a file")
    return path


def require(*packages: str, requirements: str) -> None:
    """End with a sentence where a package is missing that the command being run needs.

    A script calls it where it is run, not where it is imported, before it imports what may
    be missing.

    Args:
        packages: As they are imported.
        requirements: The file that names them.
    """
    missing = [name for name in packages if importlib.util.find_spec(name) is None]
    if missing:
        tell(
            (
                f"error: {visible(Path(sys.argv[0]).name)} needs {', '.join(missing)}, "
                f"not installed for {visible(sys.executable)}",
                "  fix: make setup-export, then .venv/bin/python; or pip install -r "
                f"{requirements}",
            )
        )
        sys.exit(2)


def run_command(work: Callable[[], str | Sequence[str]]) -> int:
    """Do the work and print what it returns; returns the exit code.

    Args:
        work: Leaves nothing half-written when it is interrupted. Returns a line, or lines;
            a line break within one is shown, not made.
    """
    patience.is_command = True
    try:
        tell(work(), to_error=False)
    except SteadyposeError as error:
        tell((f"error: {error.what}", f"  fix: {error.fix}"))
        return 2
    except KeyboardInterrupt:
        tell(("error: interrupted; nothing was written", "  fix: run it again"))
        return 2
    return 0
