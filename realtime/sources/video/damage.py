"""Pictures of a network camera that came with parts missing, because packets were lost."""

from __future__ import annotations

from typing import Any

_MOST_PAUSE_S = 0.5  # a damaged picture is better than none for longer


class Damage:
    """Passes over a picture of which parts are guessed while others come, and counts what it did.

    Shared by all connections to one camera, of which there is one at a time.
    """

    def __init__(self) -> None:
        self._left_out = self._given = self._behind = 0
        self._given_s = 0.0
        self._is_behind = False

    def connected(self, now_s: float) -> None:
        """Begin with another decoder."""
        self._given_s, self._is_behind = now_s, False

    def may_show(self, frame: Any, now_s: float) -> bool:
        """Whether to give a decoded frame.

        Those between a damaged one and the next key frame are changes of it: they are given, and
        counted. FFmpeg marks the first alone.

        Args:
            frame: PyAV's.
            now_s: ``perf_counter``.
        """
        if frame.is_corrupt:
            self._is_behind = True
            if now_s - self._given_s < _MOST_PAUSE_S:
                self._left_out += 1
                return False
            self._given += 1
        elif frame.key_frame:
            self._is_behind = False
        else:
            self._behind += self._is_behind
        self._given_s = now_s
        return True

    def remarks(self) -> tuple[str, ...]:
        """What is to be said of it; nothing where nothing was damaged."""
        count = self._left_out + self._given
        if not count:
            return ()
        pictures = "1 picture" if count == 1 else f"{count} pictures"
        said = f"{pictures} came with parts missing: {self._left_out} left out"
        if self._given:
            said += f", {self._given} shown with these parts guessed"
        if self._behind:
            said += f"; {self._behind} after them, up to the next key frame, may show traces"
        return (said,)
