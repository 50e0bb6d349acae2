"""Write a file for ``--config``, with every entry in it as a comment: steadypose init-config."""

from __future__ import annotations

import argparse
import sys
import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from steadypose.engines.errors import UsageError
from steadypose.engines.file_io import write_error
from steadypose.engines.foreign.windows_names import check_name
from steadypose.engines.wording.advice import command
from steadypose.engines.wording.printable import quoted
from steadypose.realtime.command.config.reading import entries, may_be_repeated
from steadypose.realtime.command.options.command_line import build_parser
from steadypose.realtime.command.options.parser import Parser, file_name, run_command

EXAMPLES: dict[str, Any] = {
    "udp": "127.0.0.1:9000",
    "osc": "127.0.0.1:9000",
    "lsl": "steadypose",
    "serve": "8000",
    "serve-token": "@token.txt",
    "serve-origin": "http://localhost:5173",
    "camera": 0,
    "source": "clip.mp4",
    "names": "left,right",
    "width": 1280,
    "height": 720,
    "fps": 30,
    "fourcc": "MJPG",
    "camera-control": "brightness=128",
    "roi": "0,0,640,480",
    "max-frames": 1000,
    "quality": "balanced",
    "model": "models/mine.onnx",
    "server": "127.0.0.1:8001",
    "server-model": "pose",
    "server-ca": "ca.pem",
    "server-cert": "me.pem",
    "server-key": "me.key",
    "server-token": "env:POSE_TOKEN",
    "skeleton": "halpe26",
    "csv": "out.csv",
    "jsonl": "out.jsonl",
    "parquet": "out.parquet",
    "split": "10min",
    "save-video": "out.mp4",
    "benchmark": "figures.json",
}
"""Values of options that have no default."""

_WIDTH = 98


def main(argv: Sequence[str] | None = None) -> int:
    """Write the file; returns the exit code: 0 done, 2 something the user can fix."""
    return run_command(lambda: work(argv))


def work(argv: Sequence[str] | None) -> str:
    """Do what the command line says; returns what was written.

    Raises:
        UsageError: The file exists.
        RecordError: It cannot be written.
    """
    parser = Parser(
        prog=command("init-config"),
        description="Write a file of options, each with what it means; run --config reads it.",
    )
    parser.add_argument(
        "output",
        nargs="?",
        type=file_name,
        default=Path("run.toml"),
        metavar="FILE",
        help="a new file (default: %(default)s)",
    )
    path: Path = parser.parse_args(argv).output
    check_name(path, "init-config")
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(template())
    except FileExistsError:
        raise UsageError(
            f"{path} is there already",
            fix=f"give another name, or use it: {command('run')} --config {quoted(path)}",
        ) from None
    except OSError as error:
        raise write_error(path, error) from error
    return f"{path}: remove the # of what you want, then {command('run')} --config {quoted(path)}"


def template() -> str:
    """Every entry with its meaning and its default, or an example; each a comment."""
    lines = [
        "# Options by their names on the command line, which wins over this file.",
        "# Remove the # before an entry to use it. Paths start at the working folder.",
    ]
    return "\n".join([*lines, *_groups(build_parser()), ""])


def _groups(parser: Parser) -> Iterator[str]:
    known = {id(action) for action in entries(parser).values() if action.const is None}
    for group in parser._action_groups:  # noqa: SLF001 - argparse has no public list
        actions = [action for action in group._group_actions if id(action) in known]  # noqa: SLF001
        if actions:
            yield from ("", f"# == {group.title} ==")
        for action in actions:
            yield from ("", *_entry(action))


def _entry(action: argparse.Action) -> Iterator[str]:
    name = action.option_strings[0].removeprefix("--")
    about = (action.help or "") % vars(action)
    if action.choices:
        about += f"; one of {', '.join(map(str, action.choices))}"
    if may_be_repeated(action):
        about += "; [A, B] is a list of them"
    yield from textwrap.wrap(about, _WIDTH, initial_indent="# ", subsequent_indent="# ")
    yield f"#{name} = {_value(EXAMPLES.get(name, action.default))}"


def _value(value: object) -> str:
    """As TOML writes it; a Python text without odd characters is one, too."""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, int) else f'"{value}"'


if __name__ == "__main__":
    sys.exit(main())
