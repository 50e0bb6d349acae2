"""Print a result with its provenance: command, machine and commit."""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Iterable, Sequence
from datetime import date
from pathlib import Path

from steadypose.engines.errors import RecordError
from steadypose.engines.file_io import replace_text
from steadypose.engines.wording.printable import visible
from steadypose.realtime.command.machine import machine
from steadypose.realtime.model.places import ROOT
from steadypose.realtime.sources.address import shown

# Code that computes: changed documents or earlier results do not affect the figures.
_COMPUTES = ("engines", "realtime", "export", "training", "benchmarks", "models/*.onnx", "run.py")
_RESULTS = ":!benchmarks/results"


def publish(text: str, output: Path | None) -> str:
    """Put command and machine above a result; write it to a file if requested.

    Args:
        text: The result, Markdown.
        output: File to write; None: none.

    Returns:
        The whole text.

    Raises:
        RecordError: The file cannot be written.
    """
    whole = f"`{visible(command(sys.argv[1:]))}`  \n{provenance()}\n\n{text}"
    if output is not None:
        try:
            output.parent.mkdir(parents=True, exist_ok=True)
            replace_text(output, f"{whole}\n")
        except OSError as error:
            raise RecordError(
                f"cannot write {output}: {error.strerror}", fix="choose another --output"
            ) from error
    return whole


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table; the first column is text, the others are numbers."""
    lines = ["| " + " | ".join(head) + " |", "|---|" + "---:|" * (len(head) - 1)]
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join(lines)


def command(argv: Sequence[str]) -> str:
    """The running command, without folders that only exist on this machine.

    Args:
        argv: Its arguments.
    """
    spec = getattr(sys.modules["__main__"], "__spec__", None)
    name = spec.name.removesuffix(".__main__") if spec is not None else Path(sys.argv[0]).stem
    return f"python -m {name} {shlex.join(map(_portable, argv))}".rstrip()


def _portable(argument: str) -> str:
    """A path below the project relative to it; others by name only."""
    path = Path(argument)
    if path.is_absolute() and path.is_relative_to(ROOT):
        return str(path.relative_to(ROOT))
    is_foreign = path.is_absolute() or ".." in path.parts
    return path.name if is_foreign else shown(argument)


def provenance() -> str:
    """Machine, commit and date of a run; ``-dirty`` if code that computes was changed."""
    return f"machine: {machine()} / commit {commit()} / {date.today()}"


def commit() -> str:
    """The current commit."""

    def ask(*arguments: str) -> str:
        done = subprocess.run(  # noqa: S603
            ["git", *arguments],  # noqa: S607
            capture_output=True,
            text=True,
            cwd=ROOT,
            check=False,
        )
        return done.stdout.strip()

    changed = ask("status", "--porcelain", "--", *_COMPUTES, _RESULTS)
    return (ask("describe", "--always") or "unknown") + ("-dirty" if changed else "")
