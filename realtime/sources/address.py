"""Network addresses: where they are taken from, and what of them may be shown.

Passwords, tokens and stream keys have no fixed place and no fixed name in an address. So the rule
says what is shown, not what is hidden: scheme, host, port and the last part of the path.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from steadypose.engines.errors import UsageError
from steadypose.engines.foreign.files import is_there
from steadypose.engines.wording.printable import visible

HIDDEN = "***"
_ADDRESS = re.compile(r"(--[a-z-]+=)?(\w[\w+.-]{0,15})://(.*)", re.DOTALL | re.ASCII)
# What follows the last @ before the path is where FFmpeg connects to.
_PLACE = re.compile(r"(?:[^/?#]*@)?([\w.~-]+|\[[0-9a-fA-F:.]+\])(:\d{1,5})?(?![^/?#])", re.ASCII)
_PARTS = re.compile(r"([^?#]*)([?#]?)(.*)", re.DOTALL)
_WITHOUT_SCHEME = re.compile(r"(?![A-Za-z]:[\\/])[^/]*:.*@.*", re.DOTALL)
_PIPELINE = re.compile(r".+!\s*appsink(\s.*)?", re.DOTALL)
_ELEMENT = re.compile(r"[a-z][a-z0-9_-]*(/x-[a-z0-9-]+)?(\(memory:\w+\))?", re.ASCII)
_LONGEST_NAME = 24
_KEY = re.compile(r"(?=[^\W\d_]*\d)(?=\d*[^\W\d_])[^\W_]{12,}")  # mixed
_KEY_IN_PATH = frozenset({"rtmp", "rtmps"})  # their last part is the stream's key
_FROM_FILE, _FROM_VARIABLE = "@", "env:"
_MOST_BYTES = 8192


def shown(text: str) -> str:
    """An address, or an option with one in it, as it may be shown; other text as it is.

    Of ``rtsp://me:secret@cam:554/live/key/ch1?token=x`` it leaves
    ``rtsp://cam:554/***/ch1?***``. Users put ``@ : / ? #`` into passwords without
    escaping them: an ``@`` that may end such a password hides the host as well.
    """
    if "://" not in text:
        return text
    address = _ADDRESS.fullmatch(text)
    if address is None:
        return HIDDEN
    option, scheme, rest = address[1] or "", address[2], address[3]
    place = _PLACE.match(rest)
    if place is None or "@" in rest[place.end() :]:
        return f"{option}{scheme}://{HIDDEN}"
    parts = _PARTS.fullmatch(rest, place.end())
    assert parts is not None, "it takes any text"
    path, mark, query = parts.groups()
    # A / after the mark: either may be a piece of a key in the path.
    shown_path = _shown_path(path, scheme) if "/" not in query else f"/{HIDDEN}"
    hidden = f"{mark}{HIDDEN}" if mark else ""
    return f"{option}{scheme}://{place[1]}{place[2] or ''}{shown_path}{hidden}"


def _shown_path(path: str, scheme: str) -> str:
    if not path.strip("/"):
        return path[:1]
    inner, _, last = path.rstrip("/").rpartition("/")
    # After a = in a folder's name, the last part may be what follows a / in a password.
    if scheme.lower() in _KEY_IN_PATH or "=" in inner or not _is_name(last):
        last = HIDDEN
    return (f"/{HIDDEN}" if inner.strip("/") else "") + f"/{last}"


def _is_name(last: str) -> bool:
    """Whether the last part of a path is a name; a key is long, or letters and digits mixed."""
    stem = Path(last).stem
    is_plain = re.fullmatch(r"[\w.-]+", last, re.ASCII) is not None
    return is_plain and len(stem) <= _LONGEST_NAME and not _KEY.search(stem)


def is_pipeline(text: str) -> bool:
    """Whether a text is a GStreamer pipeline that gives its pictures to a program."""
    return _PIPELINE.fullmatch(text) is not None


def outline(pipeline: str) -> str:
    """The elements of a pipeline without their properties, of which one may be a password."""
    if '"' in pipeline or "'" in pipeline:
        pipeline = re.sub(r"""(["']).*\1""", "", pipeline, flags=re.DOTALL)
    words = [part.split(",")[0].split() or [HIDDEN] for part in pipeline.split("!")]
    return " ! ".join(word if _ELEMENT.fullmatch(word) else HIDDEN for word, *_ in words)


def is_half_an_address(text: str) -> bool:
    """Whether a text, which is no file, holds what looks like a password but has no scheme."""
    return "://" not in text and _WITHOUT_SCHEME.fullmatch(text) is not None


def shown_option(text: str) -> str:
    """A typed option as it may be shared: no secret, and names of files without their folders."""
    if is_pipeline(text):
        option, mark, pipeline = text.partition("=") if text.startswith("--") else ("", "", text)
        return f"{option}{mark}{outline(pipeline)}"
    if "://" in text:
        return shown(text)
    option, mark, value = text.partition("=") if text.startswith("--") else ("", "", text)
    if value.startswith("/dev/"):
        return text
    name = Path(value).name if "/" in value or os.sep in value else value
    return f"{option}{mark}{name}"


def spelled_out(text: str) -> str:
    """What ``--source`` means: ``@FILE`` is the first line of a file, ``env:NAME`` a variable.

    Whoever may see the process list, the shell's history or the sidecar then sees no password.
    A file that is called like that, and is here, is still what is meant.

    Raises:
        UsageError: The file or the variable is not there, or holds no address.
    """
    if text.startswith(_FROM_VARIABLE) and not is_there(Path(text)):
        name = text.removeprefix(_FROM_VARIABLE)
        return _checked(os.environ.get(name, ""), f"--source {text}: the variable {name}")
    if text.startswith(_FROM_FILE) and not is_there(Path(text)):
        path = Path(os.path.expanduser(text.removeprefix(_FROM_FILE)))  # noqa: PTH111 - no user, no error
        try:
            with path.open("rb") as file:
                line = file.readline(_MOST_BYTES).decode("utf-8-sig")
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or "it is no text"
            raise UsageError(
                f"--source {text}: {path} cannot be read: {reason}",
                fix="put the address on the first line of a file that you may read",
            ) from error
        return _checked(line, f"--source {text}: the first line of {path}")
    return text


def _checked(line: str, what: str) -> str:
    address = line.strip()
    if not ("://" in address or is_pipeline(address)) or visible(address) != address:
        raise UsageError(
            f"{what} is not an address", fix="put one there, for instance rtsp://HOST/STREAM"
        )
    return address
