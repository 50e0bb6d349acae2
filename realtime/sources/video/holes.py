"""Frames that are gone with their packets: a hole in the file is a hole in time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

_AVI_HEAD = 8  # of a chunk, to which the index points
_TORN_TELLS = 4  # packets: a transport stream flags one somewhere near the hole
_LEAST_HOLE_BYTES, _MOST_SKIPPED = 512, 10_000
SCATTERED = frozenset({"mp4", "mpegts", "mpeg", "hls", "mpjpeg"})
"""Formats whose index says where packets are, or that cut them up."""


@dataclass(slots=True)
class Holes:
    """Finds frames that are gone with their packets: bytes and time are missing at one place.

    Either alone is no damage: other things lie between packets, and recorders drop frames.

    Attributes:
        has_places: Packets follow each other in the file with little between them.
    """

    has_places: bool
    end: int | None = None  # of the last packet, bytes
    torn: int = 0  # packets of the video ago, at most
    has_hole: bool = False
    dts: int | None = None
    begin: int | None = None
    steps: int = 0

    def pass_over(self, packet: Any) -> None:
        """A packet of any stream."""
        if packet.pos is None or packet.pos < 0 or not self.has_places:
            return
        self.has_hole = self.has_hole or (
            self.end is not None and packet.pos - self.end > _LEAST_HOLE_BYTES
        )
        self.end = packet.pos + packet.size

    def before(self, packet: Any) -> int:
        """How many frames are missing before a packet of the video."""
        self.torn = _TORN_TELLS if packet.is_corrupt else max(0, self.torn - 1)
        is_hurt, self.has_hole = self.has_hole or self.torn > 0, False
        if packet.dts is None:
            return 0
        if self.dts is None or packet.dts <= self.dts:
            self.dts = self.begin = packet.dts
            self.steps = 0
            return 0
        step = packet.dts - self.dts
        usual = (self.dts - (self.begin or 0)) / self.steps if self.steps else step
        self.dts = packet.dts
        if is_hurt and step > 1.6 * usual:
            self.begin = (self.begin or 0) + step - round(usual)
            self.steps += 1
            return max(0, round(step / usual) - 1) if step < _MOST_SKIPPED * usual else 0
        self.steps += 1
        return 0


def behind(stream: Any, packet: Any, late: int) -> int:
    """By how many ticks an AVI's packet is later than counted: those in a hole were not counted.

    Args:
        stream: Of the AVI.
        packet: The first behind a hole.
        late: What to keep where the index does not say.
    """
    entries = stream.index_entries
    low, high = 0, len(entries)
    while low < high:
        middle = (low + high) // 2
        low, high = (middle + 1, high) if entries[middle].pos <= packet.pos else (low, middle)
    if low == 0 or packet.dts is None or packet.pos - entries[low - 1].pos > _AVI_HEAD:
        return late
    return max(late, entries[low - 1].timestamp - packet.dts)


def shift(packet: Any, ticks: int) -> None:
    """Make a packet later."""
    if ticks and packet.dts is not None:
        packet.dts += ticks
        packet.pts = None if packet.pts is None else packet.pts + ticks
