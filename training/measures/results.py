"""A result says where it comes from: its command, the machine and the commit."""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from steadypose.engines.errors import RecordError
from steadypose.engines.file_io import replace_text
from steadypose.realtime.command.machine import machine
from steadypose.realtime.model.places import ROOT

# What computes: a changed document or an earlier result of the same sitting makes no other figures.
_COMPUTES = ("engines", "realtime", "export", "training", "benchmarks", "models/*.onnx", "run.py")
_RESULTS = ":!benchmarks/results"


def publish(text: str, output: Path | None) -> str:
    """A result under its command and the machine; written where asked.

    Args:
        text: The result, Markdown.
        output: File to write; None: none.

    Returns:
        The whole text.

    Raises:
        RecordError: The file cannot be written.
    """
    whole = f"`{command(sys.argv[1:])}`  \n{provenance()}\n\n{text}"
    if output is not None:
        try:
            output.parent.mkdir(parents=True, exist_ok=True)
            replace_text(output, f"{whole}\n")
        except OSError as error:
            raise RecordError(
                f"cannot write {output}: {error.strerror}", fix="choose another --output"
            ) from error
    return whole


def command(argv: Sequence[str]) -> str:
    """The command that runs, without folders that only this machine has.

    Args:
        argv: Its arguments.
    """
    spec = getattr(sys.modules["__main__"], "__spec__", None)
    name = spec.name.removesuffix(".__main__") if spec is not None else Path(sys.argv[0]).stem
    return f"python -m {name} {shlex.join(map(_portable, argv))}".rstrip()


def _portable(argument: str) -> str:
    """A path below the project as it is from there, another by its name alone."""
    path = Path(argument)
    if path.is_absolute() and path.is_relative_to(ROOT):
        return str(path.relative_to(ROOT))
    is_foreign = path.is_absolute() or ".." in path.parts
    return path.name if is_foreign and path.exists() else argument


def provenance() -> str:
    """Machine, commit and date of a run; ``-dirty`` where code that computes was changed."""
    return f"machine: {machine()} / commit {commit()} / {date.today()}"


def commit() -> str:
    """The commit that runs."""

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
