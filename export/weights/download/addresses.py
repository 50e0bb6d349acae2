"""Where a file of published weights can be asked for: mirrors, then its origin."""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Sequence
from urllib.parse import quote, urlsplit

from steadypose.engines.errors import UsageError
from steadypose.realtime.model.zoo import ZooModel


def urls(model: ZooModel, mirrors: Sequence[str] = (), *, is_known: bool = False) -> list[str]:
    """Where to look for a file: the mirrors given, those of STEADYPOSE_MIRRORS, its origin.

    Args:
        model: The file.
        mirrors: Each stands for ``zoo.BASE_URL``: the same folders lie below it.
        is_known: All of the file's SHA-256 is known, so that it may come from anywhere.

    Raises:
        UsageError: A mirror is no http or https URL, or has a password or a query in it; or it
            is http on another machine, and nothing but 32 bits would tell a forgery.
    """
    found = []
    for mirror in (*mirrors, *os.environ.get("STEADYPOSE_MIRRORS", "").split()):
        if not _is_web_url(mirror):
            raise UsageError(
                f"mirror {_shown(mirror)!r} is not a plain http or https URL",
                fix="write it as https://HOST/FOLDER (STEADYPOSE_MIRRORS: spaces between them), "
                "without a password",
            )
        if not is_known and not _is_safe_way(mirror):
            raise UsageError(
                f"mirror {mirror} is plain http: whoever stands between could send another file, "
                f"and of {model.name} only 8 digits of the SHA-256 are known",
                fix="write it with https://, or fetch the file once from elsewhere: its whole "
                "hash is then remembered",
            )
        found.append(mirror.rstrip("/") + "/" + quote(model.path))
    return [*dict.fromkeys([*found, model.url])]


def _is_web_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
        has_host = bool(parts.hostname) and parts.port != 0  # reading a bad port raises
        (parts.hostname or "").encode("idna")  # as sockets do: raises for a..b and long labels
        is_bare = not (parts.query or parts.fragment or parts.username or parts.password)
    except ValueError:  # UnicodeError is one
        return False
    is_plain = re.fullmatch(r"[!-~]+", text) is not None
    return parts.scheme in {"http", "https"} and has_host and is_plain and is_bare


def _is_safe_way(mirror: str) -> bool:
    """Nobody stands between, or nobody there can change what is sent."""
    parts = urlsplit(mirror)
    host = (parts.hostname or "").rstrip(".")
    try:
        is_here = ipaddress.ip_address(host).is_loopback
    except ValueError:
        is_here = host == "localhost"
    return parts.scheme == "https" or is_here


def _shown(text: str) -> str:
    """A refused address without what may be secret in it: before an @, as a port, in a query."""
    head, mark, rest = re.split(r"[?#]", text)[0].rpartition("@")
    scheme = re.match(r"[A-Za-z+.-]*:/*", head)
    shown = f"{scheme.group() if scheme else ''}***@{rest}" if mark else rest
    shown = re.sub(r"(//[^/:\[]*):(?!\d{1,5}(/|$))[^/]*", r"\1:***", shown)
    return shown + ("?***" if re.search(r"[?#]", text) else "")
