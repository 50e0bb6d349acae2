"""Who may come in: names of this machine, pages of our own, and a token or what it was changed for.

A server on the loopback is open to every page that the same browser shows, and to every user of
the machine. So a request has to name this machine (a name that somebody rebinds to 127.0.0.1 does
not), carry a secret, and, where it changes or streams something, come from our own page.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import re
import secrets
import socket
import time
from urllib.parse import urlsplit

_COOKIE_S = 86_400
_DOMAIN = "steadypose page cookie"
_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::\d{1,5})?")


class Gate:
    """Decides about requests; pure, and safe from any thread.

    Args:
        host: Where the server is bound: a number.
        port: And its port.
        token: What opens the page; None: a new one is made, which dies with the run.
        names: Further names under which the machine is called.
        origins: Pages of others that may watch, as ``to_origin`` writes them.
    """

    def __init__(
        self,
        host: str,
        port: int,
        token: str | None = None,
        names: tuple[str, ...] = (),
        origins: tuple[str, ...] = (),
    ) -> None:
        self.token = token or secrets.token_urlsafe(24)
        self._is_loopback = ipaddress.ip_address(host).is_loopback
        own = () if self._is_loopback else _own_names()
        self._names = frozenset(name.lower() for name in ("localhost", *own, *names))
        self._origins = frozenset(origins)
        self._key = hashlib.sha256(_bytes(self.token)).digest()
        self._domain = f"{_DOMAIN} {port} "

    def knows_host(self, host: str) -> bool:
        """Whether a ``Host`` header names this machine, whatever the port: tunnels change it."""
        found = _HOST.fullmatch(host)
        if found is None:
            return False
        name = found[1].strip("[]").lower()
        try:
            number = ipaddress.ip_address(name)
        except ValueError:
            return name in self._names
        # No name, so nobody can have rebound it.
        return number.is_loopback or not self._is_loopback

    def is_own_page(self, origin: str, host: str) -> bool:
        """Whether an ``Origin`` header is that of a page that came from this ``Host``."""
        try:
            at = urlsplit(origin)
        except ValueError:
            return False
        is_web = at.scheme in {"http", "https"} and not (at.path or at.query or at.fragment)
        return is_web and at.netloc.lower() == host.lower()

    def is_guest(self, origin: str) -> bool:
        """Whether an ``Origin`` header is that of a page of others that somebody lets watch."""
        return origin in self._origins

    def is_token(self, text: str) -> bool:
        """Whether a text is the token."""
        return hmac.compare_digest(_bytes(text), _bytes(self.token))

    def new_cookie(self) -> str:
        """What a browser that knew the token carries for a day, to this port and no other token.

        Browsers send cookies to every port of a host, whoever serves there.
        """
        until = f"{time.time() + _COOKIE_S:.0f}"  # noqa: TID251 - it outlives this process
        return f"{until}.{self._sign(until)}"

    def is_cookie(self, text: str) -> bool:
        """Whether ``new_cookie`` made it, for this token and port, not longer than a day ago."""
        until, _, signed = text.partition(".")
        if not (until.isascii() and until.isdigit() and len(until) < 12 and signed.isascii()):
            return False
        is_fresh = time.time() < int(until)  # noqa: TID251 - it outlives this process
        return is_fresh and hmac.compare_digest(self._sign(until), signed)

    def _sign(self, until: str) -> str:
        return hmac.new(self._key, _bytes(self._domain + until), hashlib.sha256).hexdigest()


def _own_names() -> tuple[str, ...]:
    name = socket.gethostname()
    return (name, f"{name.partition('.')[0]}.local")


def _bytes(text: str) -> bytes:
    """Of what came as bytes that may be no UTF-8."""
    return text.encode("utf-8", "surrogateescape")
