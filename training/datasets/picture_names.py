"""Names of pictures as other machines and tools write them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from urllib.parse import unquote

_ABSOLUTE = re.compile(r"^(?:/|[A-Za-z]:/|[a-z]+://)")


def other_spellings(name: str) -> Iterator[str]:
    """What a name that is not there may mean, likeliest first; perhaps the name itself again.

    Slashes of Windows, letters with accents as macOS stores them or as everybody else does,
    blanks and the like as in addresses, and whole paths or addresses where it was labelled, of
    which the end is left.

    Args:
        name: As the labels have it.
    """
    turned = name.replace("\\", "/")
    plain = unquote(turned)
    ways = [turned, plain]
    if _ABSOLUTE.match(turned):
        ways += [turned.rpartition("/")[2], plain.rpartition("/")[2]]
    for way in filter(None, dict.fromkeys(ways)):
        yield way
        for form in ("NFC", "NFD"):
            yield unicodedata.normalize(form, way)  # type: ignore[arg-type]
