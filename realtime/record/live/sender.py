"""Sending on threads of their own: the newest frame wins, and the loop never waits."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from steadypose.realtime.datatypes import FloatArray, Frame, Pose
from steadypose.realtime.record.live.message import Channel, Message, message_of, normalized
from steadypose.realtime.record.live.state import Page

_PATIENCE_S = 1.0  # closing waits this long for a channel that blocks


class Sender:
    """One channel, on a thread, with a slot for one frame.

    Args:
        channel: Closed by the thread at its end.
        change: Applied to each message that is sent, on the thread.

    Attributes:
        name: The channel's.
        sent: Frames that went out.
        skipped: Frames that a newer one replaced before they were sent.
        failed: Frames that could not be sent.
    """

    def __init__(self, channel: Channel, change: Callable[[Message], Message]) -> None:
        self.name = channel.name
        self.sent = self.skipped = self.failed = 0
        self._channel = channel
        self._change = change
        self._slot: Message | None = None
        self._reason = ""
        self._is_closing = False
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"send {channel.name}", daemon=True)
        self._thread.start()

    def offer(self, message: Message) -> None:
        """Put a frame into the slot; one that still waits there is skipped."""
        with self._lock:
            self.skipped += self._slot is not None
            self._slot = message
        self._wake.set()

    def close(self) -> None:
        """Send what waits, and end; a channel that blocks is left behind after a second."""
        self._is_closing = True
        self._wake.set()
        self._thread.join(_PATIENCE_S)

    def describe(self) -> str:
        """What became of the frames, for the summary."""
        counts = ((self.sent, "sent"), (self.skipped, "skipped"), (self.failed, "failed"))
        told = [f"{count} {what}" for count, what in counts if count or what == "sent"]
        why = f": {self._reason}" if self.failed else ""
        return f"{self.name} ({', '.join(told)}{why})"

    def _run(self) -> None:
        try:
            is_last = False
            while not is_last:
                self._wake.wait()
                self._wake.clear()
                is_last = self._is_closing
                self._send_waiting()
        finally:
            self._channel.close()

    def _send_waiting(self) -> None:
        with self._lock:
            message, self._slot = self._slot, None
        if message is None:
            return
        try:
            self._channel.send(self._change(message))
        except Exception as error:  # whatever breaks in there, the run goes on without it
            self.failed += 1
            self._reason = self._reason or str(error) or type(error).__name__
        else:
            self.sent += 1


class Live:
    """All channels of a run.

    Args:
        channels: Opened; ``close`` closes them.
        is_normalized: Send shares of the frame's sides instead of pixels.
        shows: Channels that show pictures too, and get positions in pixels in any case.
        page: Where the run is shown and has buttons, if anywhere.
    """

    def __init__(
        self,
        channels: Sequence[Channel] = (),
        *,
        is_normalized: bool = False,
        shows: Sequence[Channel] = (),
        page: Page | None = None,
    ) -> None:
        self.page = page
        change = normalized if is_normalized else _in_pixels
        self._senders = [Sender(channel, change) for channel in channels]
        self._senders += [Sender(channel, _in_pixels) for channel in shows]

    def offer(self, frame: Frame, poses: Sequence[Pose], angles: Sequence[FloatArray] = ()) -> None:
        """Offer a frame to every channel; returns at once. The poses may not change afterwards."""
        if not self._senders:
            return
        message = message_of(frame, poses, angles)
        for sender in self._senders:
            sender.offer(message)

    def close(self) -> None:
        """End all channels. Safe to call twice."""
        for sender in self._senders:
            sender.close()

    @property
    def names(self) -> str:
        """Where poses are sent; empty for nowhere."""
        return ", ".join(sender.name for sender in self._senders)

    def describe(self) -> str:
        """What each has sent; empty where there is none."""
        return ", ".join(sender.describe() for sender in self._senders)


def _in_pixels(message: Message) -> Message:
    return message
