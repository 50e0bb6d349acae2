"""The Source protocol: one contract for a camera, a stream, a video and a folder."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from steadypose.realtime.datatypes import Frame


@runtime_checkable
class Source(Protocol):
    """Frames, one after another.

    Threading: frames are fetched or decoded on a thread of the source's own; all
    methods are for one consumer thread.
    """

    @property
    def label(self) -> str:
        """What it is and what was granted, one line for people."""
        ...

    @property
    def is_live(self) -> bool:
        """True for cameras and streams: unread frames are dropped."""
        ...

    @property
    def is_paced(self) -> bool:
        """True if frames come at their own time: live, or a file played at its speed."""
        ...

    @property
    def fps(self) -> float:
        """Nominal frame rate."""
        ...

    @property
    def frame_count(self) -> int | None:
        """How many frames there will be, None if it cannot be known."""
        ...

    @property
    def dropped(self) -> int:
        """Frames that arrived and were replaced by newer ones; 0 unless live."""
        ...

    @property
    def trouble(self) -> str | None:
        """What is wrong at the moment ("reconnecting, ..."), None when all is well."""
        ...

    @property
    def is_over(self) -> bool:
        """True when ``read`` will never return a frame again."""
        ...

    def read(self, timeout_s: float) -> Frame | None:
        """Fetch the newest frame of a live source, the next one of a file.

        Args:
            timeout_s: How long to wait for it; 0 only looks.

        Returns:
            None when there was none in time, or the source is over.

        Raises:
            SourceError: The source broke for good; all frames before it were given.
        """
        ...

    def close(self) -> None:
        """Release the camera or file. Safe to call twice."""
        ...
