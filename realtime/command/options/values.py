"""Values of options that are more than a number or a file: parsers for argparse."""

from __future__ import annotations

import argparse
import re
from dataclasses import dataclass

from steadypose.engines.foreign.names import RULE, is_name
from steadypose.realtime.command.options.parser import Number
from steadypose.realtime.record.live.message import Address
from steadypose.realtime.record.live.opening import parse_address


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


def address(text: str) -> Address:
    """Parse where datagrams go."""
    try:
        return parse_address(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def stream_name(text: str) -> str:
    """Parse the name of a stream."""
    if not is_name(text):
        raise argparse.ArgumentTypeError(f"{text!r} cannot be the name of a stream: {RULE}")
    return text
