"""The command ``steadypose``: its words, and what each runs. Imports nothing that takes time."""

from __future__ import annotations

import difflib
import runpy
import sys
from dataclasses import dataclass
from typing import NoReturn

from steadypose.engines.wording.advice import command as typed
from steadypose.engines.wording.printable import quoted, to_command
from steadypose.engines.wording.telling import tell, tell_raw
from steadypose.start import main as run_app
from steadypose.version import __version__


@dataclass(frozen=True, slots=True)
class Command:
    """A word after ``steadypose``.

    Attributes:
        help: What it does, a line.
        module: Below ``steadypose``; run as ``python -m`` would. Empty for the app itself.
        options: Of the app, where the word stands for some of them.
    """

    help: str
    module: str = ""
    options: tuple[str, ...] = ()


COMMANDS = {
    "run": Command("follow people: a camera, a video, a stream or the demo"),
    "batch": Command("follow people through many videos, each to its table", "batch.__main__"),
    "doctor": Command(
        "report what works on this machine, and why the rest does not", options=("--doctor",)
    ),
    "models": Command(
        "list the published networks, and which are here", options=("--list-models",)
    ),
    "init-config": Command(
        "write a file of options for --config", "realtime.command.config.writing"
    ),
    "report": Command("make one HTML page about a recording", "realtime.report.__main__"),
    "convert": Command("turn a recording into another format", "realtime.convert"),
    "resmooth": Command("smooth a recording again, knowing what came after", "realtime.resmooth"),
    "build-engine": Command("build a TensorRT engine from a model file", "export.build_trt"),
    "download-weights": Command("fetch published weights by name", "export.download_weights"),
    "export-onnx": Command("make a model file of weights (needs torch)", "export.export_onnx"),
    "wrap-onnx": Command("make a model file of another project's ONNX", "export.wrap_onnx"),
    "model-repository": Command(
        "write the folder from which an inference server serves a model",
        "export.wrap.model_repository",
    ),
    "quantize": Command("make an int8 model file", "export.quantize"),
}


def main() -> NoReturn:
    """Run what the first word names; exit codes as of every command."""
    words = sys.argv[1:]
    first = words[0] if words else "--help"
    if first in {"-h", "--help"}:
        tell_raw(overview(), to_error=False)
        sys.exit(0)
    if first == "--version":
        tell(f"steadypose {__version__}", to_error=False)
        sys.exit(0)
    if first not in COMMANDS:
        tell((f"error: there is no command {first!r}", f"  fix: {_fix(first)}"))
        sys.exit(2)
    chosen = COMMANDS[first]
    if chosen.options and {"-h", "--help"} & set(words[1:]):
        tell_raw(_help_of(first, chosen), to_error=False)
        sys.exit(0)
    sys.argv = [f"steadypose {first}", *chosen.options, *words[1:]]
    if not chosen.module:
        run_app()
    runpy.run_module(f"steadypose.{chosen.module}", run_name="__main__")
    sys.exit(0)


def overview() -> str:
    """What ``steadypose --help`` says."""
    width = max(map(len, COMMANDS))
    lines = [f"  {name:<{width}}  {command.help}" for name, command in COMMANDS.items()]
    return "\n".join(
        [
            "usage: steadypose COMMAND [options]",
            "",
            "Steady human poses from a webcam, on screen and in a CSV.",
            "",
            *lines,
            "",
            "steadypose COMMAND --help lists the options of one; steadypose --version.",
            "examples: steadypose run --camera 0 --csv out.csv; steadypose run --source demo",
            "",
        ]
    )


def _help_of(name: str, command: Command) -> str:
    """Of a word that stands for an option of the app, whose own help is long."""
    return "\n".join(
        [
            f"usage: {typed(name)} [options]",
            "",
            f"{command.help[0].upper()}{command.help[1:]}.",
            "",
            f"The same as {typed('run')} {' '.join(command.options)}, whose options may follow: "
            f"{typed('run')} --help.",
            "",
        ]
    )


def _fix(word: str) -> str:
    """What was probably meant: a command, an option of the app, or something to read."""
    near = difflib.get_close_matches(word, COMMANDS, n=1)
    if near:
        return f"steadypose {near[0]}"
    if word.startswith("-"):
        return f"options follow a command: {to_command('steadypose', 'run', word)}"
    return (
        f"to read it: steadypose run --source {quoted(word)}; steadypose --help lists the commands"
    )
