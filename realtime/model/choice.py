"""Resolve ``--model``: a path, or a published model by name, made if it is missing."""

from __future__ import annotations

import difflib
import importlib.util
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from steadypose.engines.engine_file import SUFFIX
from steadypose.engines.errors import EngineUnavailableError, ModelFileError, UsageError
from steadypose.engines.wording import advice
from steadypose.engines.wording.printable import quoted
from steadypose.realtime.model import zoo
from steadypose.realtime.model.places import QUALITIES, ROOT, SHIPPED

_SHIPPED = {path.stem: path for path in SHIPPED}
_FEW = 3  # letters of a word of a shipped file's name that are too few to guess it
_NEEDED = ("torch", "onnx", "onnxscript", "onnxruntime")


def _shipped(text: str) -> Path | None:
    """The file that ships under a name; None where the text is like none of these names.

    Raises:
        UsageError: It is a part of some, like one, or a quality.
    """
    name = text.lower().replace("-", "_")
    if name in _SHIPPED:
        return _SHIPPED[name]
    if name in QUALITIES:
        raise UsageError(f"{text!r} is no model", fix=f"--quality {name} is what you mean")
    has_word = any(word.isalpha() and len(word) > _FEW for word in name.split("_"))
    near = [known for known in _SHIPPED if has_word and name in known]
    near = near or difflib.get_close_matches(name, _SHIPPED, n=1, cutoff=0.8)
    if not near:
        return None
    fix = "give the whole name; --quality chooses among those that ship, too"
    if len(near) == 1:
        fix = f"--model {near[0]} is what you mean"
    raise UsageError(f"{text!r} is no model; nearest: {', '.join(near)}", fix=fix)


def choose_model(
    text: str, *, is_fetching: bool, run: Callable[[list[str]], int] | None = None
) -> Path:
    """Find the model or engine file that ``--model`` names.

    Args:
        text: A path, or a name of ``steadypose.realtime.model.zoo.MODELS`` or of a file that ships.
        is_fetching: Download and export a published model that is not here yet.
        run: Runs a Python command line, for tests; returns its exit code.

    Raises:
        UsageError: It is neither a file nor a known name, or ``--fetch`` does not apply.
        ModelFileError: The published model is not here, or could not be made.
        EngineUnavailableError: What the export needs is not installed.
    """
    path = Path(text)
    published = zoo.MODELS.get(path.stem)
    if published is not None and path.suffix == ".onnx" and not zoo.lies_here(path):
        raise ModelFileError(
            f"{path} is not here",
            fix=f"--model {quoted(path.stem)} --fetch downloads and exports it",
        )
    if zoo.lies_here(path) or path.suffix in {".onnx", SUFFIX} or "/" in text or "\\" in text:
        if is_fetching:
            raise UsageError(
                f"--fetch makes published models, and {text} is a path",
                fix="leave --fetch out, or give --model a name of --list-models",
            )
        return path
    shipped = None if zoo.is_name(text) else _shipped(text)
    if shipped is not None:
        return shipped
    model = zoo.find(text)
    output = zoo.model_file(model)
    if zoo.lies_here(output):
        return output
    model.require_network()
    if not is_fetching:
        typed = ", then ".join(
            " ".join((advice.command(word), *rest)) for word, *rest in steps(model)
        )
        raise ModelFileError(
            f"{model.name} is not here yet ({output})",
            fix=f"{typed}; or add --fetch to this command",
        )
    missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise EngineUnavailableError(
            f"--fetch needs {', '.join(missing)} to export {model.name}",
            fix=advice.install("requirements-export.txt"),
        )
    _make(model, run or _run)
    return output


def steps(model: zoo.ZooModel) -> list[list[str]]:
    """The commands, after ``steadypose``, that make a published model's file.

    The first one checks the cache and downloads only what is missing.
    """
    return [
        ["download-weights", model.name],
        ["export-onnx", "--model", model.name],
    ]


def _make(model: zoo.ZooModel, run: Callable[[list[str]], int]) -> None:
    download, export = steps(model)
    for command in ([*download, "--no-hint"], export):
        try:
            code = run(command)
        except KeyboardInterrupt:
            raise ModelFileError(
                f"{model.name} was not made: interrupted",
                fix="run the same command again; it continues where it stopped",
            ) from None
        if code != 0:
            raise ModelFileError(
                f"{model.name} could not be made: {advice.command(command[0])} failed, see above",
                fix="fix the error above and run the same command again; the download resumes",
            )


def _run(command: list[str]) -> int:
    return subprocess.run(  # noqa: S603 - our own commands
        [sys.executable, "-m", "steadypose", *command], cwd=ROOT, check=False
    ).returncode
