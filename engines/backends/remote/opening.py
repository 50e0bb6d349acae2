"""Open a model on servers that serve it."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from steadypose.engines.backends.remote.contract import Client, check_served
from steadypose.engines.backends.remote.engine import RemoteEngine
from steadypose.engines.backends.remote.places import Place, place_of, tls_of
from steadypose.engines.backends.remote.server import Server
from steadypose.engines.errors import EngineError, EngineUnavailableError, UsageError
from steadypose.engines.file_io import sha256_of
from steadypose.engines.options import EngineOptions, RemoteOptions
from steadypose.engines.spec import ModelSpec
from steadypose.engines.wording import advice


def open_remote(path: Path, spec: ModelSpec, options: EngineOptions) -> RemoteEngine:
    """An engine that asks the servers of ``options.remote``.

    Args:
        path: The model file that they serve; it is not loaded.
        spec: Its contract.
        options: With at least one server.

    Raises:
        UsageError: There is no server, its address is none, or nobody's certificate is in the file.
        EngineError: The precision is the server's.
    """
    remote = options.remote
    if not remote.servers:
        raise UsageError("--backend remote has no server", fix="add --server HOST:PORT")
    if options.precision != "auto":
        raise EngineError(
            f"--precision {options.precision} is chosen where the server's model is built",
            fix="leave --precision out",
        )
    places = [place_of(text) for text in remote.servers]
    if remote.ca is not None or remote.cert is not None:
        tls_of(remote)
    model, sha256 = remote.model or spec.name, sha256_of(path)
    servers = []
    for place in places:
        check = partial(check_served, spec=spec, model=model, where=place.shown, sha256=sha256)
        connect = partial(_connect, place, remote)
        servers.append(Server(place.shown, connect, check, model=model, rows=spec.output_rows))
    protocols = " and ".join(dict.fromkeys(place.protocol for place in places))
    _load(places)
    return RemoteEngine(
        spec,
        servers,
        timeout_s=remote.timeout_s,
        patience_s=None if remote.is_live else remote.patience_s,
        label={"grpc": "gRPC", "http": "HTTP"}.get(protocols, "gRPC and HTTP"),
    )


def _load(places: list[Place]) -> None:
    """Import what the places need, where a missing package becomes a sentence."""
    for place in places:
        try:
            _class_of(place)
        except ImportError as error:
            raise EngineUnavailableError(
                f"backend 'remote' needs {error.name or 'tritonclient'}, which is not installed "
                "or does not load",
                fix=advice.install("requirements-remote.txt"),
            ) from error


def _class_of(place: Place) -> type[Client]:
    if place.protocol == "grpc":
        from steadypose.engines.backends.remote.grpc_client import GrpcClient  # noqa: PLC0415

        return GrpcClient
    from steadypose.engines.backends.remote.http_client import HttpClient  # noqa: PLC0415

    return HttpClient


def _connect(place: Place, options: RemoteOptions) -> Client:
    made: Client = _class_of(place)(place, options)  # type: ignore[call-arg]
    return made
