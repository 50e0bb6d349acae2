"""Where a file of published weights can be asked for: mirrors, then its origin."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from urllib.parse import quote, urlsplit

from steadypose.engines.errors import UsageError
from steadypose.realtime.model.zoo import ZooModel


def urls(model: ZooModel, mirrors: Sequence[str] = ()) -> list[str]:
    """Where to look for a file: the mirrors given, those of STEADYPOSE_MIRRORS, its origin.

    Args:
        model: The file.
        mirrors: Each stands for ``zoo.BASE_URL``: the same folders lie below it.

    Raises:
        UsageError: A mirror is no http or https URL, or has a password or a query in it.
    """
    found = []
    for mirror in (*mirrors, *os.environ.get("STEADYPOSE_MIRRORS", "").split()):
        if not _is_web_url(mirror):
            raise UsageError(
                f"mirror {mirror!r} is not a plain http or https URL",
                fix="write it as https://HOST/FOLDER (STEADYPOSE_MIRRORS: spaces between them)",
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
