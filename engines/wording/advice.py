"""What users are told to do: export, build, fetch, install.

One place, because it depends on how steadypose got onto the machine: in a checkout its commands
are scripts, installed they are words after ``steadypose``.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import sys
from pathlib import Path

from steadypose.engines.wording.printable import quoted

_ROOT = Path(__file__).resolve().parents[2]
IS_CHECKOUT = (_ROOT / "run.py").is_file()
IS_POWERSHELL = os.name == "nt"
HAS_GIT = (_ROOT / ".git").exists()  # a download has none

_TYPED_IN_A_CHECKOUT = {
    "run": "python run.py",
    "doctor": "python run.py --doctor",
    "models": "python run.py --list-models",
    "report": "python -m realtime.report",
    "convert": "python -m realtime.convert",
    "resmooth": "python -m realtime.resmooth",
    "build-engine": "python export/build_trt.py",
    "export-onnx": "python export/export_onnx.py",
    "wrap-onnx": "python export/wrap_onnx.py",
    "download-weights": "python export/download_weights.py",
    "quantize": "python export/quantize.py",
}


def command(name: str) -> str:
    """What is typed for a command, here; ``name`` is a word after ``steadypose``."""
    if IS_CHECKOUT:
        return _TYPED_IN_A_CHECKOUT.get(name, f"python -m steadypose {name}")
    return f"steadypose {name}"


def as_typed(text: str) -> str:
    """A text that names commands as a checkout has them, as they are typed here."""
    if not IS_CHECKOUT:
        for name, typed in sorted(_TYPED_IN_A_CHECKOUT.items(), key=lambda item: -len(item[1])):
            text = text.replace(typed, command(name))
    return text


def install(requirements: str) -> str:
    """The packages that a requirements file of the checkout names, which is an extra outside."""
    extra = requirements.removeprefix("requirements").removesuffix(".txt").removeprefix("-")
    if IS_CHECKOUT:
        return f"pip install -r {requirements}"
    return f'pip install "steadypose[{extra}]"' if extra else "pip install --upgrade steadypose"


BUILD_AGAIN = f"build it again: {command('build-engine')}"
EXPORT_AGAIN = f"export the model again: {command('export-onnx')}"
EXPORT_NEWER = f"export the model again with this version: {command('export-onnx')}"


_PIP = re.compile(r"(?<![\w./\\-])(?<!-m )pip install")
_PYTHON = re.compile(r"(?<![\w./\\-])python (?=-m |run\.py|export/|start\.py)")


def typed_here(text: str) -> str:
    """A text with commands for ``python`` and ``pip``, as they reach this very interpreter.

    Where the shell finds another Python first (an environment that is not activated, say),
    ``pip install av`` becomes ``.venv/bin/python -m pip install av``.
    """
    if not sys.executable or _same(shutil.which("python"), sys.executable):
        return text
    path = Path(sys.executable)
    with contextlib.suppress(ValueError, OSError):  # not below; there is no folder any more
        path = path.relative_to(Path.cwd())
    is_bare = path.parent == Path()  # a shell would look for it elsewhere
    python = quoted(f".{os.sep}{path}" if is_bare else path)
    if IS_POWERSHELL and python.startswith(('"', "'")):
        python = f"& {python}"  # or PowerShell takes it for a text
    return _PYTHON.sub(lambda _: f"{python} ", _PIP.sub(lambda _: f"{python} -m pip install", text))


def _same(found: str | None, python: str) -> bool:
    """Whether both lie in one folder, so in one environment: the programs are links out of it."""
    return found is not None and Path(found).parent.resolve() == Path(python).parent.resolve()


def said(what: str, fix: str) -> tuple[str, str]:
    """A mistake as every command says it, in two lines."""
    return f"error: {what}", f"  fix: {typed_here(fix)}"


def restore(what: str) -> str:
    """How a file or folder of ours, as the repository names it, comes back as it was."""
    if not IS_CHECKOUT:
        return "pip install --force-reinstall steadypose"
    return f"git checkout {what}" if HAS_GIT else f"download steadypose again, for its {what}"


def make_folder(folder: object) -> str:
    """The command that makes a folder, and those on the way to it."""
    return f"mkdir {'' if os.name == 'nt' else '-p '}{quoted(folder)}"


def environment_python() -> str:
    """Python of the environment that ``make`` or start.py makes, as it is typed here."""
    return r".venv\Scripts\python" if os.name == "nt" else ".venv/bin/python"


def without_variable(name: str) -> str:
    """The command that takes a variable out of the environment; in PowerShell on Windows."""
    return f"Remove-Item Env:{name}" if os.name == "nt" else f"unset {name}"


_RESTORE = restore("models/")
EXPORT_OR_RESTORE = f"export the model again, or restore the default: {_RESTORE}"
COPY_OR_RESTORE = (
    f"copy or export it again ({_RESTORE} restores the default model); weights "
    f"(.pt, .pth) go through {command('export-onnx')}"
)
WRAP_FOREIGN = f"export it to ONNX where it comes from, then {command('wrap-onnx')}"


def wrap(path: object) -> str:
    """An ONNX file that nobody wrapped yet."""
    return (
        f"wrap it: {command('wrap-onnx')} --onnx {quoted(path)} --output models/NAME.onnx "
        "(docs/foreign_models.md)"
    )
