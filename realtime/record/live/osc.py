"""Open Sound Control 1.0, as media programs receive it."""

from __future__ import annotations

from collections.abc import Iterator

from pythonosc.osc_bundle import OscBundle
from pythonosc.osc_bundle_builder import IMMEDIATELY, OscBundleBuilder
from pythonosc.osc_message import OscMessage
from pythonosc.osc_message_builder import OscMessageBuilder
from pythonosc.udp_client import UDPClient

from steadypose.realtime.datatypes import Pose, State
from steadypose.realtime.record.live.message import Address, Message

_MOST_BYTES = 60_000  # of a datagram, of 65,507 that are possible


class OscChannel:
    """Sends one bundle a frame (more where one datagram cannot hold it).

    ======================================  ======================================================
    address                                 arguments
    ======================================  ======================================================
    ``/steadypose/frame``                   i frame, f time_s, i width, i height,
                                            then i the id of everybody who is there
    ``/steadypose/time``                    i seconds and i microseconds of time_s, the same of
                                            unix_s (whose seconds begin again in 2038)
    ``/steadypose/{id}/{keypoint}``         f x, f y, f score, i state (1 predicted, 2 measured)
    ``/steadypose/{id}/lost``               s the name of each keypoint that is lost
    ``/steadypose/left``                    i the id of somebody who was there in the bundle before
    ======================================  ======================================================

    Of several sources each has addresses of its own: ``/steadypose/cam0/frame`` and so on.

    Only what every receiver has to know is used, whole numbers of 32 bits, floats and texts: Pure
    Data takes a double, of 64 bits, for two other values.

    Args:
        to: Nobody needs to listen there.
        source: Which of several; empty: there is one.

    Raises:
        OSError: The name is unknown.
    """

    def __init__(self, to: Address, source: str = "") -> None:
        self._root = f"/steadypose/{source}" if source else "/steadypose"
        self.name = f"--osc {to}"
        self._client = UDPClient(to.host, to.port)
        self._present: set[int] = set()

    def send(self, message: Message) -> None:
        """See ``Channel.send``."""
        present = {pose.track_id for pose in message.poses}
        width, height = message.size_wh
        head = [("i", message.frame), ("f", message.time_s), ("i", width), ("i", height)]
        ids = [("i", pose.track_id) for pose in message.poses]
        times = (*_whole(message.time_s), *_whole(message.unix_s()))
        parts = [
            _message(f"{self._root}/frame", *head, *ids),
            _message(f"{self._root}/time", *(("i", value) for value in times)),
            *self._left(self._present - present),
        ]
        for pose in message.poses:
            parts.extend(_person(f"{self._root}/{pose.track_id}", pose))
        self._send(parts)
        self._present = present

    def close(self) -> None:
        """See ``Channel.close``."""
        try:
            self._send(list(self._left(self._present)))
        except OSError:
            return  # nobody is there any more
        finally:
            self._client._sock.close()  # noqa: SLF001 - it has no method for that

    def _left(self, ids: set[int]) -> Iterator[OscMessage]:
        return (_message(f"{self._root}/left", ("i", person)) for person in sorted(ids))

    def _send(self, parts: list[OscMessage]) -> None:
        bundle, size = OscBundleBuilder(IMMEDIATELY), 0
        for part in parts:
            if size + part.size + 4 > _MOST_BYTES:
                self._client.send(bundle.build())
                bundle, size = OscBundleBuilder(IMMEDIATELY), 0
            bundle.add_content(part)
            size += part.size + 4
        if size:
            done: OscBundle = bundle.build()
            self._client.send(done)


def _whole(time_s: float) -> tuple[int, int]:
    """Seconds, in 31 bits, and microseconds."""
    seconds, micros = divmod(round(time_s * 1e6), 1_000_000)
    return seconds % (1 << 31), micros


def _person(at: str, pose: Pose) -> Iterator[OscMessage]:
    lost = []
    columns = (pose.skeleton.keypoints, pose.xy.tolist(), pose.score.tolist(), pose.state.tolist())
    for name, (x, y), score, state in zip(*columns, strict=True):
        if state == State.LOST:
            lost.append(("s", name))
        else:
            floats = (("f", value) for value in (x, y, score))
            yield _message(f"{at}/{name}", *floats, ("i", state))
    yield _message(f"{at}/lost", *lost)


def _message(address: str, *arguments: tuple[str, str | float]) -> OscMessage:
    builder = OscMessageBuilder(address)
    for kind, value in arguments:
        builder.add_arg(value, kind)
    return builder.build()
