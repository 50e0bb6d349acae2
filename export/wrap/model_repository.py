"""The command ``steadypose model-repository``: a model file as an inference server wants it."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from steadypose.engines.engine_file import SUFFIX, read_info
from steadypose.engines.errors import UsageError
from steadypose.engines.file_io import write_model_file
from steadypose.engines.foreign.names import RULE, is_name
from steadypose.engines.foreign.texts import parse_json, read_json
from steadypose.engines.model_file import read_spec
from steadypose.engines.wording.advice import command
from steadypose.export.wrap.repository import KINDS, LIST, Serving, files_of
from steadypose.realtime.command.options.parser import Number, Parser, file_name, run_command
from steadypose.realtime.model.places import DEFAULT_MODEL

_MARK = b"# Written by steadypose model-repository."


def main(argv: Sequence[str] | None = None) -> int:
    """Write the folder; returns the exit code: 0 done, 2 something the user can fix."""
    return run_command(lambda: _work(argv))


def build_parser() -> argparse.ArgumentParser:
    """The options of the command."""
    parser = Parser(
        prog=command("model-repository"),
        description="Write the folder from which Triton or OpenVINO Model Server serves a model; "
        "run --backend remote --server HOST:PORT then follows people with it.",
    )
    parser.add_argument("output", type=file_name, metavar="DIR", help="the repository")
    parser.add_argument(
        "--model",
        type=file_name,
        default=DEFAULT_MODEL,
        metavar="FILE",
        help="model file, or an engine of build-engine (default: the one of a run)",
    )
    parser.add_argument("--name", help="of the model on the server (default: its own)")
    parser.add_argument(
        "--for", dest="kind", choices=KINDS, default=KINDS[0], help="server (default: %(default)s)"
    )
    parser.add_argument(
        "--run",
        choices=("onnxruntime", "tensorrt", "python"),
        help="what runs it in Triton; python: a processor, by OpenVINO or ONNX Runtime (default: "
        "tensorrt for an engine, else onnxruntime)",
    )
    parser.add_argument("--cpu", action="store_true", help="instances on the processor, not a GPU")
    parser.add_argument(
        "--instances",
        type=Number(1, 64),
        default=1,
        metavar="N",
        help="copies that work at a time (default: %(default)s)",
    )
    parser.add_argument(
        "--batch", type=Number(1, 1024), default=8, metavar="N", help="largest (default: 8)"
    )
    parser.add_argument(
        "--delay",
        type=Number(0, 1_000_000),
        default=2000,
        metavar="US",
        help="microseconds that a request waits for others (default: %(default)s)",
    )
    return parser


def _work(argv: Sequence[str] | None) -> list[str]:
    arguments = build_parser().parse_args(argv)
    model: Path = arguments.model
    is_built = model.suffix == SUFFIX
    name = arguments.name or (read_info(model).spec if is_built else read_spec(model)).name
    if not is_name(name):
        raise UsageError(f"--name {name!r} cannot be the name of a model", fix=RULE)
    run = arguments.run or ("tensorrt" if is_built else "onnxruntime")
    serving = Serving(
        run,
        arguments.instances,
        is_on_gpu=not (arguments.cpu or run == "python"),
        most=arguments.batch,
        delay_us=arguments.delay,
    )
    files = files_of(model, name, serving, kind=arguments.kind)
    listed = _listed(arguments.output / LIST)
    _check_own(arguments.output, name, files, is_listed=name in listed)
    for inside, content in files.items():
        data = content.read_bytes() if isinstance(content, Path) else content
        if inside == LIST:
            data = _among(listed, name, data)
        write_model_file(data, arguments.output / inside)
    return [str(arguments.output / inside) for inside in files]


def _check_own(folder: Path, name: str, files: Iterable[str], *, is_listed: bool) -> None:
    """Refuse to replace what somebody else wrote.

    Raises:
        UsageError: A file of this model is there, and is none of this command.
    """
    text = folder / name / "config.pbtxt"
    if is_listed or (text.exists() and text.read_bytes().startswith(_MARK)):
        return
    for path in (folder / inside for inside in files if inside != LIST):
        if path.exists():
            raise UsageError(
                f"{path} would be replaced, and steadypose did not write it",
                fix="choose another folder, or --name",
            )


def _listed(path: Path) -> dict[str, Any]:
    """What OpenVINO Model Server's list of models holds: each by its name; none without a list.

    Raises:
        UsageError: There is another file of that name.
    """
    if not path.exists():
        return {}
    try:
        return {entry["config"]["name"]: entry for entry in read_json(path)["model_config_list"]}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(
            f"{path} would be replaced, and is no list of models", fix="choose another folder"
        ) from error


def _among(listed: dict[str, Any], name: str, data: bytes) -> bytes:
    """A list with one model, with the others that were there."""
    (own,) = parse_json(data)["model_config_list"]
    entries = [*({**listed, name: own}).values()]
    return (json.dumps({"model_config_list": entries}, indent=2) + "\n").encode()


if __name__ == "__main__":
    sys.exit(main())
