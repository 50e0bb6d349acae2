"""The proxy a request goes through, and what its failures mean."""

from __future__ import annotations

import re
import socket
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from steadypose.engines.errors import SourceError

_SOCKS = "; it is asked as an http proxy, SOCKS is not known here"


def proxy_of(url: str) -> str | None:
    """What urllib sends a request for a URL through, without its password; None: nothing."""
    parts = urlsplit(url)
    proxy = getproxies().get(parts.scheme)
    if not proxy or (parts.netloc and proxy_bypass(parts.netloc)):
        return None
    return re.sub(r"^([a-z][a-z0-9+.-]*://)?.*@", r"\1", proxy, flags=re.IGNORECASE | re.DOTALL)


def wants_password(url: str, proxy: str | None) -> SourceError:
    """The proxy answered 407."""
    return SourceError(
        f"{url} was not asked for: the proxy{f' {proxy}' if proxy else ''} wants a password (407)",
        fix=f"put it into the {_variable(url)} variable: http://USER:PASSWORD@HOST:PORT",
    )


def remark_on(proxy: str) -> str:
    """What to add to a sentence about its failure; often nothing.

    A SOCKS proxy is tried all the same: many answer http on the same port.
    """
    return _SOCKS if proxy.lower().startswith("socks") else ""


def cannot_be_used(url: str, proxy: str, reason: object, text: str) -> SourceError | None:
    """What no other try would change.

    Args:
        url: What was asked for.
        proxy: Through which proxy.
        reason: The exception, or urllib's words.
        text: The same to print.

    Returns:
        None where another try may work.
    """
    remark = remark_on(proxy)
    fix = f"check the {_variable(url)} variable or the system's proxy settings"
    if isinstance(reason, socket.gaierror):
        return SourceError(f"the proxy {proxy} cannot be found: {text}{remark}", fix=fix)
    if isinstance(reason, ConnectionRefusedError):
        return SourceError(
            f"the proxy {proxy} does not answer (connection refused){remark}", fix=fix
        )
    scheme = proxy.partition("://")[0].lower()
    if isinstance(reason, str) and reason.endswith(f"unknown url type: {scheme}"):
        return SourceError(f"the proxy {proxy} cannot be used ({text}){remark}", fix=fix)
    return None


def _variable(url: str) -> str:
    return f"{urlsplit(url).scheme.upper()}_PROXY"
