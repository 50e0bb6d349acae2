"""The newest frame, for everybody who watches: written once, encoded once, and only if wanted."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from steadypose.engines.skeletons.skeleton import Skeleton
from steadypose.realtime.record.live.message import Message, normalized
from steadypose.realtime.record.live.web.payload import frame_text
from steadypose.realtime.record.picture import Draw
from steadypose.realtime.smooth.live_angles import LiveAngles

_PAGE_PX = 960  # the page draws people itself, sharply; its picture may be smaller
_PAGE_QUALITY, _STREAM_QUALITY = 70, 85


NOTHING_YET = "nothing yet"
"""What is said beside the frames before the run has said anything; nobody is sent it."""


class OverError(Exception):
    """The run is over, and what was to be encoded will not be."""


class Shown:
    """One frame, and what has been made of it; used on the server's thread.

    Args:
        number: Counts what was shown.
        message: The frame; positions in pixels.
        to_text: Makes its JSON.
        encode: Starts the encoding of its picture, for the page or with people drawn.
    """

    def __init__(
        self,
        number: int,
        message: Message,
        to_text: Callable[[Message], str],
        encode: Callable[[Message, bool], asyncio.Future[bytes]],
    ) -> None:
        self.number = number
        self.message = message
        self._to_text = to_text
        self._encode = encode
        self._text: str | None = None
        self._pictures: dict[bool, asyncio.Future[bytes]] = {}

    def text(self) -> str:
        """Its JSON, the same for all."""
        if self._text is None:
            self._text = self._to_text(self.message)
        return self._text

    async def picture(self, *, is_drawn: bool) -> bytes:
        """Its JPEG, the same for all: small and plain, or whole and with the people drawn.

        Raises:
            OverError: The run ended before.
        """
        if is_drawn not in self._pictures:
            self._pictures[is_drawn] = self._encode(self.message, is_drawn)
        # One who leaves meanwhile does not take the picture from the others.
        try:
            return await asyncio.shield(self._pictures[is_drawn])
        except asyncio.CancelledError:
            if self._pictures[is_drawn].cancelled():
                raise OverError from None
            raise


class Board:
    """Holds the newest frame, and wakes those who wait for it; used on the server's thread.

    Args:
        skeleton: Gives angles their joints.
        draw: Draws people onto a picture.
        has_pictures: False: poses only.
        is_normalized: Send shares of the frame's sides instead of pixels.
        source: Which of several the frames are from; empty: there is one.
    """

    def __init__(
        self,
        skeleton: Skeleton,
        draw: Draw,
        *,
        has_pictures: bool,
        is_normalized: bool,
        source: str = "",
    ) -> None:
        self._source = source
        self.has_pictures = has_pictures
        self.encoded = 0
        self.notice = NOTHING_YET
        self.is_over = False
        self._waiting: set[asyncio.Event] = set()
        self._draw = draw
        self._is_normalized = is_normalized
        self._angles = LiveAngles(skeleton.keypoints)
        self._newest: Shown | None = None
        self._changed = asyncio.Event()
        self._encoder = ThreadPoolExecutor(1, "encode for the page")

    def post(self, message: Message) -> None:
        """Show a frame; what was shown before is gone for those who have not taken it."""
        number = self._newest.number + 1 if self._newest else 1
        self._newest = Shown(number, message, self._to_text, self._encode)
        self._wake()

    def announce(self, text: str) -> None:
        """Replace what is said beside the frames; the same again is no news."""
        if text != self.notice:
            self.notice = text
            self._wake()

    async def news(self, number: int, notice: str) -> tuple[Shown | None, str]:
        """The newest frame and what is said beside it, once either is new or the run is over.

        Args:
            number: Of the frame that was taken last, 0 for none.
            notice: What was read last.

        Returns:
            None instead of the frame where it is this one; the notice.
        """
        while self._newest is None or self._newest.number == number:
            if self.is_over or self.notice != notice:
                return None, self.notice
            await self._changed.wait()
        return self._newest, self.notice

    async def first_of(self, event: asyncio.Event) -> None:
        """Wait for an event, or for the end of the run."""
        self._waiting.add(event)
        try:
            await event.wait()
        finally:
            self._waiting.discard(event)

    def close(self) -> None:
        """Tell everybody that it is over, and encode nothing more."""
        self.is_over = True
        for event in self._waiting:
            event.set()
        self._wake()
        self._encoder.shutdown(wait=False, cancel_futures=True)

    def _wake(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    def _to_text(self, message: Message) -> str:
        if not message.angles:
            found = self._angles.of_poses(message.poses, None, message.time_s)
            message = replace(message, angles=found)
        if self._is_normalized:
            message = normalized(message)
        return frame_text(message, has_picture=self.has_pictures, source=self._source)

    def _encode(self, message: Message, is_drawn: bool) -> asyncio.Future[bytes]:  # noqa: FBT001
        if self.is_over:
            raise OverError
        self.encoded += 1
        loop = asyncio.get_running_loop()
        return loop.run_in_executor(self._encoder, self._jpeg, message, is_drawn)

    def _jpeg(self, message: Message, is_drawn: bool) -> bytes:  # noqa: FBT001
        image = message.image_bgr
        assert image is not None, "whoever shows frames here sends pictures along"
        if is_drawn:
            image = image.copy()
            self._draw(image, message.poses)
        else:
            image = _smaller(image)
        quality = _STREAM_QUALITY if is_drawn else _PAGE_QUALITY
        return to_jpeg(image, quality)


def to_jpeg(image_bgr: NDArray[np.uint8], quality: int) -> bytes:
    """A picture's JPEG; ``quality`` from 0 to 100."""
    data: bytes = cv2.imencode(".jpg", image_bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()
    return data


def _smaller(image_bgr: NDArray[np.uint8]) -> NDArray[np.uint8]:
    scale = _PAGE_PX / max(image_bgr.shape[:2])
    if scale >= 1:
        return image_bgr
    small: NDArray[np.uint8] = np.asarray(
        cv2.resize(image_bgr, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8
    )
    return small
