"""Options about the network and what computes it."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import Any

from steadypose.engines import registry
from steadypose.engines.errors import UsageError
from steadypose.engines.options import CROPS, MOST_THREADS, PRECISIONS, EngineOptions, RemoteOptions
from steadypose.realtime.command.options.parser import Number, Switch, file_name
from steadypose.realtime.command.options.values import secret, secret_in
from steadypose.realtime.command.settings import DEFAULTS
from steadypose.realtime.model.places import DEFAULT_MODEL, DEFAULT_QUALITY, QUALITIES
from steadypose.realtime.model.skeletons import add_skeleton

_OPENVINO_DEVICE = re.compile(r"CPU|NPU|AUTO|GPU(\.\d)?")


class Device(Number):
    """Parses the number of a GPU, or the name of a device of OpenVINO's."""

    @property
    def title(self) -> str:
        """What a value is."""
        return "the number of a GPU, or CPU, GPU, NPU or AUTO"

    @property
    def kinds(self) -> tuple[type, ...]:
        """Types of a value in a file."""
        return (int, str)

    def __call__(self, text: str) -> float | str:  # type: ignore[override]
        """Parse it for argparse."""
        name = str(text).upper()
        return name if _OPENVINO_DEVICE.fullmatch(name) else super().__call__(text)


def engine_settings(arguments: argparse.Namespace, model: Path | None) -> dict[str, Any]:
    """What parsed arguments say of the engine, by the names of ``Settings``.

    Args:
        arguments: Of a parser with ``add_engine``.
        model: The file that was chosen, if one was.

    Raises:
        UsageError: They contradict each other.
    """
    return {
        "model": model or DEFAULT_MODEL,
        "has_chosen_model": model is not None,
        "skeleton": arguments.skeleton,
        "backend": backend_of(arguments),
        "engine": engine_options(arguments),
        "is_auto_build": arguments.auto_build,
    }


def engine_options(arguments: argparse.Namespace) -> EngineOptions:
    """How the engine is opened; a device's number is TensorRT's, a name OpenVINO's.

    Raises:
        UsageError: What is said of servers contradicts itself.
    """
    is_named = isinstance(arguments.device, str)
    return EngineOptions(
        precision=arguments.precision,
        threads=arguments.threads,
        is_trusting=arguments.trust_engine,
        device=0 if is_named else arguments.device,
        is_blocking=arguments.wait == "sleep",
        openvino_device=arguments.device if is_named else "CPU",
        crops=arguments.crops,
        remote=remote_of(arguments),
    )


def backend_of(arguments: argparse.Namespace) -> str:
    """The backend: a device of OpenVINO's asks for OpenVINO.

    Raises:
        UsageError: Another backend was asked for.
    """
    backend: str = arguments.backend
    if not isinstance(arguments.device, str):
        return backend
    if backend not in {"auto", "openvino"}:
        raise UsageError(
            f"--device {arguments.device} is one of OpenVINO's, and --backend is {backend}",
            fix="leave out one of both; TensorRT's GPUs have numbers, as in --device 1",
        )
    return "openvino"


THREADS_HELP = (
    "CPU threads of the network; 0: as few as keep up with a camera, else all, at most 8, "
    "and one with --quality fast on one source (default: 0)"
)


def add_engine(
    engine: argparse._ArgumentGroup,
    *,
    precision_help: str = "default: %(default)s",
    threads_help: str = THREADS_HELP,
) -> None:
    """Network, backend, precision, threads."""
    which = engine.add_mutually_exclusive_group()
    which.add_argument(
        "--quality",
        choices=tuple(QUALITIES),
        help="which of the networks that ship: quicker, or more accurate "
        f"(default: {DEFAULT_QUALITY}; on a GPU what is built for it)",
    )
    which.add_argument(
        "--model", metavar="MODEL", help="another model file, or the name of a published model"
    )
    add_skeleton(engine, "what the network's keypoints are called, if the model file is wrong")
    engine.add_argument(
        "--fetch",
        action=Switch,
        help="download and export the published model first if it is not here yet",
    )
    engine.add_argument(
        "--backend",
        choices=registry.NAMES,
        default=DEFAULTS.backend,
        help="default: %(default)s, the fastest that works",
    )
    engine.add_argument(
        "--precision",
        choices=PRECISIONS,
        default=DEFAULTS.engine.precision,
        help=precision_help,
    )
    engine.add_argument(
        "--device",
        type=Device(0, 63),
        default=DEFAULTS.engine.device,
        metavar="N|NAME",
        help="TensorRT: number of the GPU, as nvidia-smi counts; OpenVINO: CPU, GPU, NPU or AUTO "
        "(default: %(default)s, and CPU)",
    )
    engine.add_argument(
        "--wait",
        choices=("spin", "sleep"),
        default="spin",
        help="TensorRT: wait for the GPU at full speed, or asleep, which leaves a core free and "
        "costs some hundredths of a millisecond (default: %(default)s)",
    )
    engine.add_argument(
        "--crops",
        choices=CROPS,
        default=DEFAULTS.engine.crops,
        help="TensorRT: who cuts people out of a frame; auto measures it on a camera's first one, "
        "and leaves files to the CPU (default: %(default)s)",
    )
    engine.add_argument(
        "--threads",
        type=Number(0, MOST_THREADS),
        default=DEFAULTS.engine.threads,
        metavar="N",
        help=threads_help,
    )
    engine.add_argument(
        "--auto-build",
        action=Switch,
        help="build the TensorRT engine first where it is missing or stale",
    )
    engine.add_argument(
        "--trust-engine",
        action=Switch,
        help="run a TensorRT engine that was not built by you on this machine: it may do anything",
    )
    _add_servers(engine)


def _add_servers(engine: argparse._ArgumentGroup) -> None:
    engine.add_argument(
        "--server",
        action="append",
        metavar="HOST:PORT",
        help="remote: an inference server (Triton, OpenVINO Model Server) by gRPC, or after "
        "http://, https://, grpcs://; given again, they take turns",
    )
    engine.add_argument(
        "--server-model", metavar="NAME", help="remote: what it calls the model (default: its name)"
    )
    engine.add_argument(
        "--server-timeout",
        type=Number(10, 60_000),
        default=round(1e3 * DEFAULTS.engine.remote.timeout_s),
        metavar="MS",
        help="remote: how long a frame of a camera waits for an answer; a later one is dropped "
        "(default: %(default)s)",
    )
    for option, what in (
        ("--server-ca", "certificates (PEM) that vouch for the server (default: the system's)"),
        ("--server-cert", "certificate (PEM), with its key, for a server that asks for one"),
        ("--server-key", "private key of --server-cert, if it is in another file"),
    ):
        engine.add_argument(option, type=file_name, metavar="FILE", help=f"remote: {what}")
    engine.add_argument(
        "--server-token",
        type=secret,
        metavar="WHERE",
        help="remote: a token to show; @FILE or env:NAME that holds it",
    )


def remote_of(arguments: argparse.Namespace) -> RemoteOptions:
    """Which servers parsed arguments name.

    Raises:
        UsageError: They are named and not asked for, or the token is not where it should be.
    """
    if arguments.server and arguments.backend != "remote":
        raise UsageError("--server is for --backend remote", fix="add --backend remote")
    for name in ("ca", "cert", "key"):
        path = getattr(arguments, f"server_{name}")
        if path is not None and not path.is_file():
            raise UsageError(f"--server-{name} {path} is no file", fix="check its name")
    if arguments.server_key is not None and arguments.server_cert is None:
        raise UsageError("--server-key has no certificate", fix="add --server-cert FILE")
    return RemoteOptions(
        tuple(arguments.server or ()),
        arguments.server_model or "",
        arguments.server_timeout / 1e3,
        ca=arguments.server_ca,
        cert=arguments.server_cert,
        key=arguments.server_key,
        token=secret_in(arguments.server_token) if arguments.server_token else "",
    )
