"""Values of options that are more than a number or a file: parsers for argparse."""

from __future__ import annotations

import argparse
import os
import re
from dataclasses import dataclass
from pathlib import Path

from steadypose.engines.errors import UsageError
from steadypose.engines.foreign.names import RULE, is_name
from steadypose.engines.wording.printable import visible
from steadypose.realtime.command.options.parser import Number
from steadypose.realtime.record.live.message import Address
from steadypose.realtime.record.live.opening import parse_address
from steadypose.realtime.record.live.origin import to_origin
from steadypose.realtime.tracking.region import Region

LEAST_TOKEN = 16
"""Characters of a token that somebody chose."""

_LONGEST_TOKEN = 200
_HOW_TO_MAKE_ONE = f"write {LEAST_TOKEN} or more random letters and digits there"
MOST_OF_A_SECRET = 8192


@dataclass(frozen=True, slots=True)
class Camera:
    """Parses the number of a camera, or its name."""

    title = "a whole number, or text between quotes"
    kinds = (int, str)

    def __call__(self, text: str) -> float | str:
        """Parse it for argparse."""
        if re.fullmatch(r"-?\d+", text):
            return Number(0, 99)(text)
        if not text.strip():
            raise argparse.ArgumentTypeError("neither a number nor a name")
        return text


def camera_controls(text: str) -> tuple[tuple[str, str], ...]:
    """Parse names and values: ``brightness=10,auto_exposure=1``."""
    found = []
    for part in text.split(","):
        name, mark, value = (word.strip() for word in part.partition("="))
        if not (name and mark and value):
            raise argparse.ArgumentTypeError(
                f"{part.strip()!r} is not a name and a value, such as brightness=10"
            )
        found.append((name, value))
    return tuple(found)


def region(text: str) -> Region:
    """Parse a part of the frame: ``X,Y,W,H``."""
    numbers = [part.strip() for part in text.split(",")]
    if len(numbers) != 4 or not all(re.fullmatch(r"\d{1,5}", n, re.ASCII) for n in numbers):
        raise argparse.ArgumentTypeError(f"{text!r} is not four whole numbers: X,Y,W,H")
    found = Region(*map(int, numbers))
    if not (found.width and found.height):
        raise argparse.ArgumentTypeError(f"{text!r} has no width or no height")
    return found


def address(text: str) -> Address:
    """Parse where datagrams go."""
    try:
        return parse_address(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def origins(text: str) -> tuple[str, ...]:
    """Parse the origins of pages: ``https://example.org,http://localhost:5173``."""
    try:
        return tuple(to_origin(part.strip()) for part in text.split(","))
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def read_token(text: str) -> str:
    """The token that ``@FILE`` or ``env:NAME`` means.

    It cannot be typed itself: the list of processes, the shell's history and a recording's
    sidecar would show it.

    Raises:
        UsageError: It is not there, is too short, or has other characters than an address may.
    """
    what, token = f"--serve-token {text}", ""
    if text.startswith("env:"):
        token = os.environ.get(text.removeprefix("env:"), "")
    elif text.startswith("@"):
        try:
            with Path(text[1:]).expanduser().open("rb") as file:
                token = file.readline(_LONGEST_TOKEN + 2).decode("utf-8-sig")
        except (OSError, ValueError, RuntimeError) as error:
            reason = getattr(error, "strerror", None) or "it is no text"
            raise UsageError(f"{what} cannot be read: {reason}", fix=_HOW_TO_MAKE_ONE) from error
    else:
        raise UsageError(
            "--serve-token is neither @FILE nor env:NAME",
            fix="put the token on the first line of a file that only you may read",
        )
    token = token.strip()
    if not re.fullmatch(rf"[A-Za-z0-9._~-]{{{LEAST_TOKEN},{_LONGEST_TOKEN}}}", token):
        raise UsageError(
            f"{what} holds no token of {LEAST_TOKEN} to {_LONGEST_TOKEN} letters, digits, "
            "'.', '_', '~' and '-'",
            fix=_HOW_TO_MAKE_ONE,
        )
    return token


def stream_name(text: str) -> str:
    """Parse the name of a stream."""
    if not is_name(text):
        raise argparse.ArgumentTypeError(f"{text!r} cannot be the name of a stream: {RULE}")
    return text


def secret(text: str) -> str:
    """Parse where a secret is; the secret itself would be seen by everybody on the machine."""
    if not re.fullmatch(r"@.+|env:\w+", text):
        raise argparse.ArgumentTypeError("give @FILE or env:NAME that holds it")
    return text


def secret_in(where: str) -> str:
    """The secret that lies where ``secret`` says.

    Raises:
        UsageError: There is none that could be sent in a line.
    """
    try:
        if where.startswith("env:"):
            found = os.environ[where.removeprefix("env:")]
        else:
            found = Path(where[1:]).read_text(encoding="utf-8")[:MOST_OF_A_SECRET]
    except (OSError, ValueError, KeyError):
        found = ""
    found = found.strip()
    if not found or visible(found) != found:
        raise UsageError(f"{where} holds no token", fix="put it there, in one line")
    return found
