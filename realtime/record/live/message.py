"""What is sent about a frame, and the clocks on which its time is told."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from steadypose.realtime.datatypes import FloatArray, Frame, Pose


@dataclass(frozen=True, slots=True, eq=False)
class Message:
    """The people of a frame, for receivers.

    Attributes:
        frame: Index in the source.
        time_s: Capture time, as in the recordings.
        captured_s: The same moment on ``time.perf_counter``.
        size_wh: Width and height of the frame, pixels.
        poses: Positions in frame pixels; in shares of width and height if ``is_normalized``.
        is_normalized: Whether positions run from 0 to 1.
        image_bgr: (H, W, 3) uint8, the frame itself, which nobody changes.
        angles: Of each pose, as ``Entry`` has them; empty where they are not measured.
    """

    frame: int
    time_s: float
    captured_s: float
    size_wh: tuple[int, int]
    poses: Sequence[Pose]
    is_normalized: bool = False
    image_bgr: NDArray[np.uint8] | None = None
    angles: Sequence[FloatArray] = ()

    def unix_s(self) -> float:
        """When the frame was taken, by the wall clock, seconds since 1970."""
        return self.taken_at(time.time())  # noqa: TID251 - the only clock that receivers share

    def taken_at(self, now_s: float) -> float:
        """When the frame was taken, on a clock that shows ``now_s`` at this moment, seconds."""
        return now_s - (time.perf_counter() - self.captured_s)


def message_of(frame: Frame, poses: Sequence[Pose], angles: Sequence[FloatArray] = ()) -> Message:
    """What is sent about a frame, in pixels; nothing in it may be changed afterwards."""
    height, width = frame.size_hw
    return Message(
        frame.index,
        frame.time_s,
        frame.captured_s,
        (width, height),
        poses,
        image_bgr=frame.image_bgr,
        angles=angles,
    )


def normalized(message: Message) -> Message:
    """The same with positions as shares: 0 at the left and upper edge of the frame, 1 opposite.

    Pixels have their centres at whole numbers, so the left edge of the frame lies at -0.5.
    """
    poses = [
        replace(
            pose,
            xy=_shares(pose.xy, message.size_wh),
            raw_xy=_shares(pose.raw_xy, message.size_wh),
        )
        for pose in message.poses
    ]
    return replace(message, poses=poses, is_normalized=True)


def _shares(xy: FloatArray, size_wh: tuple[int, int]) -> FloatArray:
    shares: FloatArray = (xy + 0.5) / np.array(size_wh, float)
    return shares


class NeedsTokenError(Exception):
    """Others could connect, and nobody has chosen what lets them in."""


class Channel(Protocol):
    """A way to receivers: made before the run, then used and closed by one thread."""

    @property
    def name(self) -> str:
        """As messages call it: the option and its value."""
        ...

    def send(self, message: Message) -> None:
        """Send one frame.

        Raises:
            OSError: It did not go out; the next one may.
        """
        ...

    def close(self) -> None:
        """End; receivers learn that everybody has left, where the protocol can say so."""
        ...


@dataclass(frozen=True, slots=True)
class Address:
    """Where datagrams go: a name or number, and a port from 1 to 65535."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"
