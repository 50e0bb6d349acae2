"""Annotated video with the true time of every frame, readable after a kill."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from steadypose.engines.errors import RecordError
from steadypose.realtime.record.picture import MADE_BY, Picture

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

_CLOCK = 90_000  # ticks a second, the customary video clock


class VideoSink:
    """Writes H.264 in an MP4 of half-second fragments; used by one thread.

    Each frame carries its capture time, so playback is as fast as life was, whatever
    the frame rate did. Fragments make the file playable up to the last half second
    when the program is killed.

    Args:
        path: Replaced at once.
        fps: Nominal frame rate.

    Raises:
        RecordError: The file cannot be written.
    """

    def __init__(self, path: Path, *, fps: float) -> None:
        logging.getLogger("libav").setLevel(logging.CRITICAL)
        self.path = path
        self.rows = 0
        self.progress = 0
        self._fps = fps
        self._stream: av.video.stream.VideoStream | None = None
        self._size_hw = (0, 0)
        self._first_s: float | None = None
        self._last_tick = -1
        self._safe_size = self.size_bytes = 0
        self._has_failed = self._is_torn = self._is_closed = False
        file: _File | None = None
        try:
            self._file = file = _File(path, "wb")
            self._container = av.open(
                self._file,
                "w",
                format="mp4",
                options={
                    "movflags": "empty_moov+default_base_moof",
                    "frag_duration": "500000",
                    "flush_packets": "1",
                },
            )
            self._container.metadata["comment"] = MADE_BY
        except OSError as error:
            if file is not None:
                file.close()
            raise RecordError(
                f"cannot write video {path}: {error.strerror}",
                fix="choose a folder you may write to",
            ) from error

    def add(self, item: Picture) -> None:
        """Encode a picture.

        Raises:
            OSError: The disk is full or gone.
            RecordError: The encoder failed.
        """
        self._has_failed = True
        try:
            paint, time_s = item
            self._encode_picture(paint(), time_s)
        except OSError:
            raise  # a full disk has its own sentence
        except (av.error.FFmpegError, ValueError) as error:
            raise RecordError(
                f"the video encoder failed at frame {self.rows}: {error}",
                fix="record a CSV without --save-video, or install another version of av",
            ) from error
        self._has_failed = False
        self.rows += 1

    def flush(self) -> None:
        """Nothing: the container brings each fragment to the disk itself."""

    def close(self) -> None:
        """Write the rest. Safe to call twice.

        Raises:
            OSError: It could not be written; the file ends with a whole fragment.
        """
        if self._is_closed:
            return
        self._is_closed = True
        failure: OSError | None = None
        try:
            if self._stream is not None and not self._has_failed:
                self._mux(self._stream.encode())
        except OSError as error:
            failure = error
        try:
            self._container.close()
        except OSError as error:
            failure = failure or error
        self._file.close()
        self._stream = None  # the encoder's memory is large
        if failure is not None or self._is_torn:
            _cut_to_whole_fragments(self.path, self._safe_size)
            self.rows = _frames_in(self.path)
        if failure is not None:
            try:
                raise failure
            finally:
                del failure  # it holds this frame, which would hold it

    def _open_stream(self, image_bgr: NDArray[np.uint8]) -> av.video.stream.VideoStream:
        height, width = map(_even, image_bgr.shape[:2])
        self._size_hw = height, width
        codec = "libx264" if "libx264" in av.codecs_available else "h264"
        stream = self._container.add_stream(codec, rate=Fraction(round(self._fps * 1000), 1000))
        stream.height, stream.width = self._size_hw
        stream.pix_fmt = "yuv420p"
        stream.codec_context.time_base = Fraction(1, _CLOCK)
        stream.codec_context.gop_size = max(1, round(self._fps))
        stream.options = {"preset": "ultrafast", "tune": "zerolatency", "crf": "21", "threads": "1"}
        return stream

    def _encode_picture(self, image: NDArray[np.uint8], time_s: float) -> None:
        if self._stream is None:
            self._stream = self._open_stream(image)
        height, width = self._size_hw
        if image.shape[:2] != (height, width):
            if _even(image.shape[0]) == height and _even(image.shape[1]) == width:
                image = np.ascontiguousarray(image[:height, :width])
            if image.shape[:2] != (height, width):  # it has a single line, or the size has changed
                image = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
        if self._first_s is None:
            self._first_s = time_s
        tick = max(self._last_tick + 1, round((time_s - self._first_s) * _CLOCK))
        self._last_tick = tick
        yuv = cv2.cvtColor(image, cv2.COLOR_BGR2YUV_I420)
        frame = av.VideoFrame.from_ndarray(yuv, format="yuv420p")
        frame.pts, frame.time_base = tick, Fraction(1, _CLOCK)
        self._mux(self._stream.encode(frame))

    def _mux(self, packets: Iterable[av.Packet]) -> None:
        for packet in packets:
            # Fragments are written whole, so between two calls the file ends with one.
            self._safe_size, self.size_bytes = self.size_bytes, _size_of(self.path)
            self._is_torn = True
            self._container.mux(packet)
            self._is_torn = False


class _File(io.FileIO):
    """The file of a container. PyAV leaves one that it opens itself open where its head fails."""

    def write(self, data: ReadableBuffer) -> int:
        """Write all of it, or raise; a container takes less for all."""
        left = memoryview(data)
        while left:
            left = left[super().write(left) :]
        return memoryview(data).nbytes


def _even(side: int) -> int:
    """A side of 4:2:0 video, which is even: an odd pixel is cut off, a single one becomes two."""
    return max(2, side // 2 * 2)


def _size_of(path: Path) -> int:
    """Bytes of a file, 0 before the container has made it."""
    return path.stat().st_size if path.exists() else 0


def _frames_in(path: Path) -> int:
    """How many frames a video has on the disk."""
    try:
        with av.open(str(path)) as container:
            return sum(packet.size > 0 for packet in container.demux(video=0))
    except (av.error.FFmpegError, OSError, IndexError):  # not even its header
        return 0


def _cut_to_whole_fragments(path: Path, safe_size: int) -> None:
    """Remove the half-written fragment that a full disk leaves at the end of an MP4.

    Walks the top-level boxes (ISO 14496-12, section 4.2) and keeps everything up to the
    last complete media box within the bytes that were written without an error.

    Args:
        path: The file.
        safe_size: Bytes that are known to be good.
    """
    size = min(safe_size, _size_of(path))
    if not path.exists():
        return
    whole = position = 0
    with path.open("r+b") as file:
        while position + 8 <= size:
            file.seek(position)
            head = file.read(8)
            length, kind = int.from_bytes(head[:4], "big"), head[4:]
            if length < 8 or position + length > size:
                break
            position += length
            if kind in {b"moov", b"mdat"}:
                whole = position
        file.truncate(whole)
