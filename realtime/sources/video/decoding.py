"""Packets in, frames out: damage costs the frames it hits, and is counted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import av

from steadypose.realtime.sources.video.container import Input
from steadypose.realtime.sources.video.holes import SCATTERED, Holes, behind, shift

_MOST_BREAKS = 1000  # places in a file where the container itself cannot be read
_IN_A_ROW = 20  # such places with not one packet in between
_END_OF_JPEG, _LAST_BYTES = b"\xff\xd9", 64
_CAMERAS = frozenset({"mpjpeg"})
_WHOLE_PICTURES = frozenset({"mjpeg", "png", "jpeg2000", "jpegls", "ffv1", "dvvideo", "prores"})
"""Codecs in which a damaged frame is shown by nobody: each is a picture of its own."""


@dataclass(slots=True)
class Tally:
    """What came out of a file, and what did not.

    Attributes:
        packets: Of the video stream, without empty ones and those that an edit list leaves out.
        left_out: Those left out, by an edit list.
        frames: Decoded.
        refused: Packets of which the decoder made nothing, and said so.
        damaged: Frames handed out although parts of them are guessed.
        behind: Frames between one of those and the next key frame, which are changes of it.
        torn: Packets that are incomplete.
        skipped: Frames that are not even packets: a hole in the file is a hole in time.
        breaks: Places where the container could not be read.
        early: Packets before the first key frame.
        first_dts: When the first packet is decoded, in the stream's ticks.
        failure: Why reading ended, where it did not end at the file's end.
    """

    packets: int = 0
    left_out: int = 0
    frames: int = 0
    refused: int = 0
    damaged: int = 0
    behind: int = 0
    torn: int = 0
    skipped: int = 0
    breaks: int = 0
    early: int = 0
    first_dts: int | None = None
    failure: Exception | None = None
    _is_behind: bool = False

    def take(self, packet: Any) -> None:
        """Count a packet of the video."""
        if packet.is_discard:
            self.left_out += 1
        else:
            self.first_dts = self.first_dts if self.packets else packet.dts
            self.packets += 1
        self.torn += packet.is_corrupt

    def give(self, frame: Any) -> None:
        """Count a frame that is handed out."""
        self.frames += 1
        if frame.is_corrupt:
            self.damaged, self._is_behind = self.damaged + 1, True
        elif frame.key_frame:
            self._is_behind = False
        else:
            self.behind += self._is_behind

    @property
    def is_damaged(self) -> bool:
        """Whether anything said that something is wrong, a missing frame apart."""
        return bool(self.refused or self.torn or self.skipped or self.breaks or self.failure)

    @property
    def lost(self) -> int:
        """Frames that are in the file and did not come out, as far as that can be known."""
        if not self.is_damaged:
            return 0
        missing = self.packets - self.early - self.frames
        if self.packets > 1.5 * self.frames > 30:  # half pictures, or invisible ones, are packets
            missing = 0
        return max(missing, 0) + self.skipped


def packets_of(film: Input, tally: Tally) -> Iterator[Any]:
    """The packets of a film, past places where the container is damaged."""
    in_a_row = late = 0
    formats, video = film.formats, film.stream.index
    holes, is_avi = Holes(has_places=not formats & SCATTERED), "avi" in formats
    while True:
        before = tally.packets
        try:
            for packet in film.container.demux():
                if packet.size == 0:  # an empty frame of an AVI, or the end
                    continue
                holes.pass_over(packet)
                if packet.stream_index != video:
                    continue
                if is_avi:
                    late = behind(film.stream, packet, late) if holes.has_hole else late
                    shift(packet, late)
                tally.skipped += holes.before(packet)
                tally.take(packet)
                yield packet
        except (av.error.FFmpegError, OSError) as error:
            if film.is_end(error):
                return
            tally.breaks += 1
            in_a_row = 0 if tally.packets > before else in_a_row + 1
            is_over = not isinstance(error, av.error.InvalidDataError)
            if is_over or in_a_row >= _IN_A_ROW or tally.breaks >= _MOST_BREAKS:
                tally.failure = error
                return
        else:
            return


@dataclass(slots=True)
class JpegEnds:
    """Tells half a JPEG, of which FFmpeg shows the half that there is.

    Attributes:
        is_sure: Whatever makes them writes the mark at their end; learned, for some do not.
    """

    is_sure: bool

    def is_whole(self, packet: Any) -> bool:
        """Whether the end of a picture is there."""
        has_end = _END_OF_JPEG in bytes(packet)[-_LAST_BYTES:]
        self.is_sure = self.is_sure or has_end
        return has_end or not self.is_sure


def frames_of(film: Input, tally: Tally) -> Iterator[Any]:
    """The frames of a film in the order of their presentation, as PyAV's."""
    context = film.stream.codec_context
    is_picture, is_mjpeg = context.name in _WHOLE_PICTURES, context.name == "mjpeg"
    has_key = False
    ends = JpegEnds(is_sure=bool(film.formats & _CAMERAS))
    for packet in packets_of(film, tally):
        if is_mjpeg and not ends.is_whole(packet):
            tally.refused += 1
            continue
        if not has_key:
            has_key = bool(packet.is_keyframe)
            tally.early += not has_key
        yield from _kept(_decoded(context, packet, tally), tally, is_picture=is_picture)
    while frames := _decoded(context, None, tally):
        yield from _kept(frames, tally, is_picture=is_picture)


def _kept(frames: list[Any], tally: Tally, *, is_picture: bool) -> Iterator[Any]:
    for frame in frames:
        if frame.is_corrupt and is_picture:
            tally.refused += 1
            continue
        tally.give(frame)
        yield frame


def _decoded(context: Any, packet: Any, tally: Tally) -> list[Any]:
    try:
        return list(context.decode(packet))
    except EOFError:
        return []
    except (av.error.FFmpegError, OSError):
        tally.refused += 1
        if packet is not None:
            return []
    # At the end frames behind a damaged one still wait inside.
    for _ in range(64):
        try:
            return list(context.decode(None))
        except EOFError:
            return []
        except (av.error.FFmpegError, OSError):
            tally.refused += 1
    return []
