"""Whose page asks: the ``Origin`` that a browser sends, as somebody types it."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

_PORTS = {"http": 80, "https": 443}


def to_origin(text: str) -> str:
    """A page's origin as browsers write it: small letters, no port where it is the usual one.

    Args:
        text: ``https://example.org``, ``http://localhost:5173``.

    Raises:
        ValueError: It is none, or that of files and frames without one (``null``): every page can
            have that.
    """
    try:
        at = urlsplit(text if text.isprintable() else "")
        port = at.port
        host = _host(at.hostname or "")
    except ValueError:
        at, port, host = urlsplit(""), None, ""
    has_more = at.username is not None or at.path not in {"", "/"} or at.query or at.fragment
    if at.scheme not in _PORTS or not host or has_more or text.endswith(("?", "#")):
        raise ValueError(
            f"{text!r} is not the origin of a page, such as https://example.org or "
            "http://localhost:5173"
        )
    suffix = "" if port in {None, _PORTS[at.scheme]} else f":{port}"
    return f"{at.scheme}://{host}{suffix}"


def _host(name: str) -> str:
    if ":" in name:
        return f"[{ipaddress.IPv6Address(name).compressed}]"
    found = name.encode("idna").decode().lower()
    if not all(part.replace("-", "").replace("_", "").isalnum() for part in found.split(".")):
        raise ValueError(name)
    return found
