"""The Source protocol: one contract for a camera, a stream, a video and a folder."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from steadypose.realtime.datatypes import Frame


@runtime_checkable
class Source(Protocol):
    """Provides frames, one after another.

    Threading: frames are fetched or decoded on a thread of the source's own; all
    methods are for one consumer thread.
    """

    @property
    def label(self) -> str:
        """Its description and the granted mode, one line for people."""
        ...

    @property
    def is_live(self) -> bool:
        """True for cameras and streams: unread frames are dropped."""
        ...

    @property
    def is_paced(self) -> bool:
        """True if frames arrive in real time: live, or a file played at its own speed."""
        ...

    @property
    def fps(self) -> float:
        """Nominal frame rate."""
        ...

    @property
    def frame_count(self) -> int | None:
        """Number of frames to expect, None if unknown."""
        ...

    @property
    def dropped(self) -> int:
        """Frames that arrived and were replaced by newer ones; 0 unless live."""
        ...

    @property
    def trouble(self) -> str | None:
        """The current problem ("reconnecting, ..."), None if there is none."""
        ...

    @property
    def remarks(self) -> tuple[str, ...]:
        """What was odd without being a fault, a sentence each; complete at the end."""
        ...

    @property
    def is_over(self) -> bool:
        """True when ``read`` will never return a frame again."""
        ...

    def read(self, timeout_s: float) -> Frame | None:
        """Fetch the newest frame of a live source, the next one of a file.

        Args:
            timeout_s: How long to wait for it; 0 does not wait.

        Returns:
            None if none arrived in time, or the source is over.

        Raises:
            SourceError: The source failed for good; all earlier frames were returned.
        """
        ...

    def close(self) -> None:
        """Release the camera or file. Safe to call twice."""
        ...
