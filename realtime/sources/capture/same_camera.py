"""Find a camera again that Linux gives another number when it comes back."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from steadypose.engines.errors import SourceError
from steadypose.realtime.sources.capture.listing import list_cameras, seen

ONLY_IT_S = 10.0
"""How long only this camera is taken back; after that, any that has its number."""


@dataclass(slots=True)
class SameCamera:
    """Which number a camera has now.

    Cameras of one kind have one name. So those that were there beside this one are remembered:
    none of them is it.

    Attributes:
        number: It was given at first.
        others: Numbers of the other cameras that were there when it was opened last.
    """

    number: int
    others: frozenset[int] = frozenset()
    _name: str | None = None
    _looked_s: float | None = None

    def find(self) -> int:
        """The number to open.

        Raises:
            SourceError: It is not here, and what has its number is another camera.
        """
        if self._name is None:
            return self.number
        cameras = list_cameras()
        for one in sorted(cameras, key=lambda one: one.number != self.number):
            if one.name == self._name and one.number not in self.others - {self.number}:
                return one.number
        now_s = time.perf_counter()
        if self._looked_s is None:
            self._looked_s = now_s
        taken = [one for one in cameras if one.number == self.number]
        if taken and now_s - self._looked_s < ONLY_IT_S:
            raise SourceError(
                f"camera {self.number} is now {taken[0].name}, no longer {self._name}",
                fix="plug in the one that was there",
            )
        if not taken:
            raise SourceError(
                f"camera {self.number} ({self._name}) is gone; {seen(cameras)}",
                fix="plug it in again",
            )
        return self.number

    def opened(self, number: int) -> None:
        """Remember which camera this is, and which are beside it."""
        cameras = list_cameras()
        self.number, self._looked_s = number, None
        self._name = next((one.name for one in cameras if one.number == number), None)
        self.others = frozenset(one.number for one in cameras if one.number != number)


def number_of(device: int | str) -> int | None:
    """The number of a camera that was given by number, or as ``/dev/video2``; else None.

    What is given by a link, such as those of ``/dev/v4l/by-id``, is found again by that link.
    """
    if isinstance(device, int):
        return device
    path = Path(device)
    number = path.name.removeprefix("video")
    is_node = path.parent == Path("/dev") and number.isdecimal() and not path.is_symlink()
    return int(number) if is_node else None
