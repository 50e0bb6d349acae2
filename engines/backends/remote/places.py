"""Addresses of servers, and the sentences about those that cannot be used."""

from __future__ import annotations

import re
import ssl
from dataclasses import dataclass

from steadypose.engines.backends.remote.contract import TooLate, Unreachable
from steadypose.engines.errors import EngineError, UsageError
from steadypose.engines.options import RemoteOptions

_FORM = re.compile(r"(?:(grpcs?|https?)://)?((?:[\w.-]+|\[[0-9a-fA-F:.]+\]):(\d{1,5}))/?", re.ASCII)
_SECURE = frozenset({"grpcs", "https"})


@dataclass(frozen=True, slots=True)
class Place:
    """Where a server is.

    Attributes:
        protocol: ``grpc`` or ``http``.
        address: ``HOST:PORT``.
        is_secure: By TLS.
    """

    protocol: str
    address: str
    is_secure: bool = False

    @property
    def shown(self) -> str:
        """As it would be typed."""
        return f"{self.protocol}{'s' if self.is_secure else ''}://{self.address}"


def place_of(text: str) -> Place:
    """Read ``HOST:PORT``, by gRPC, or one with ``grpc://``, ``grpcs://``, ``http://``, ``https://``.

    Raises:
        UsageError: It is none.
    """
    found = _FORM.fullmatch(text)
    if found is None or not 0 < int(found[3]) < 65536:
        raise UsageError(
            f"--server {_without_secret(text)!r} is no address",
            fix="HOST:PORT, or grpc://, grpcs://, http://, https:// before it",
        )
    scheme = found[1] or "grpc"
    return Place("http" if scheme.startswith("http") else "grpc", found[2], scheme in _SECURE)


def _without_secret(text: str) -> str:
    """What was typed, without the name and password that people write before an @."""
    head, mark, _ = text.partition("://")
    return f"{head}{mark}…" if mark and "@" in text else "…" if "@" in text else text[:80]


def tls_of(options: RemoteOptions) -> ssl.SSLContext:
    """Whom to believe, and what to show.

    Raises:
        UsageError: A file holds no certificate, or no key that fits it.
    """
    try:
        context = ssl.create_default_context(cafile=options.ca)
    except (OSError, ValueError) as error:  # ssl's own errors are of the first kind
        raise UsageError(
            f"--server-ca {options.ca} holds no certificate that can be read",
            fix="give a PEM file: it has lines BEGIN CERTIFICATE and END CERTIFICATE",
        ) from error
    if options.cert is not None:
        try:  # a key that needs a password is none, where nobody can be asked
            context.load_cert_chain(options.cert, options.key, lambda: b"")
        except (OSError, ValueError) as error:
            raise UsageError(
                f"--server-cert {options.cert} holds no certificate with a key that fits it",
                fix="give a PEM file with both, or the key as --server-key; without a password",
            ) from error
    return context


def unreachable(place: Place, why: str) -> Unreachable:
    """Nobody answers there."""
    return Unreachable(f"{place.shown} does not answer: {_short(why)}", fix=_fix_of(place))


def too_late(place: Place) -> TooLate:
    """Nobody answers there in time."""
    return TooLate(f"{place.shown} does not answer in time", fix=_fix_of(place))


def _fix_of(place: Place) -> str:
    other = place.protocol if place.is_secure else f"{place.protocol}s"
    ports = "Triton: 8001 gRPC, 8000 HTTP"
    return f"check that it runs, the port ({ports}), and whether it is {other}://"


def refusal(place: Place, model: str, why: str) -> EngineError:
    """Somebody answers, but not as wanted."""
    return EngineError(
        f"{place.shown} refuses the model {model!r}: {_short(why)}",
        fix="check what it serves (its log names the models), --server-model and --server-token",
    )


def _short(why: str) -> str:
    """The first sentence of what a library says."""
    line = why.strip().partition("\n")[0]
    return line if len(line) < 160 else f"{line[:160]}…"
