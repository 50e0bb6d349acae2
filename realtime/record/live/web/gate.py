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
from collections.abc import Callable
from urllib.parse import urlsplit

from steadypose.engines.foreign import signature

_COOKIE_S = 86_400
_DOMAIN = b"steadypose page cookie "
_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::\d{1,5})?")


class Gate:
    """Decides about requests; pure, and safe from any thread.

    Args:
        host: Where the server is bound: a number.
        token: What opens the page; None: a new one is made, which dies with the run.
        names: Further names under which the machine is called.
    """

    def __init__(self, host: str, token: str | None = None, names: tuple[str, ...] = ()) -> None:
        self.token = token or secrets.token_urlsafe(24)
        self._is_loopback = ipaddress.ip_address(host).is_loopback
        own = () if self._is_loopback else _own_names()
        self._names = frozenset(name.lower() for name in ("localhost", *own, *names))
        self._sign = _by_token(token) if token else _by_user()

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

    def is_token(self, text: str) -> bool:
        """Whether a text is the token."""
        return hmac.compare_digest(text.encode(), self.token.encode())

    def new_cookie(self) -> str:
        """What a browser that knew the token carries for a day, also into later runs."""
        until = f"{time.time() + _COOKIE_S:.0f}"  # noqa: TID251 - it outlives this process
        return f"{until}.{self._sign(_DOMAIN + until.encode())}"

    def is_cookie(self, text: str) -> bool:
        """Whether ``new_cookie`` made it, for this user or token, not longer than a day ago."""
        until, _, signed = text.partition(".")
        if not (until.isascii() and until.isdigit() and len(until) < 12 and signed.isascii()):
            return False
        is_fresh = time.time() < int(until)  # noqa: TID251 - it outlives this process
        return is_fresh and hmac.compare_digest(self._sign(_DOMAIN + until.encode()), signed)


def _own_names() -> tuple[str, ...]:
    name = socket.gethostname()
    return (name, f"{name.partition('.')[0]}.local")


def _by_token(token: str) -> Callable[[bytes], str]:
    key = hashlib.sha256(token.encode()).digest()
    return lambda data: hmac.new(key, data, hashlib.sha256).hexdigest()


def _by_user() -> Callable[[bytes], str]:
    """The key that only this user has, so that an open page outlives a restart; else a new one."""
    try:
        signature.sign(_DOMAIN)
    except (OSError, RuntimeError):  # RuntimeError: there is no home
        return _by_token(secrets.token_urlsafe())
    return signature.sign
