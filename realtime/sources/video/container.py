"""Open a file or an address as a container, with nothing else within its reach.

A file is opened by us and handed over as bytes: its name, whatever bytes and colons are in it,
never reaches FFmpeg, and nothing that its content names is opened.
"""

from __future__ import annotations

import errno
import logging
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import av
from av.codec.hwaccel import HWAccel, hwdevices_available

from steadypose.engines.errors import SourceError, UsageError
from steadypose.engines.foreign.files import open_regular
from steadypose.engines.wording.printable import quoted
from steadypose.limits import most_pixels
from steadypose.realtime.sources.address import shown
from steadypose.realtime.sources.pictures import is_too_large

NETWORK_TIMEOUT_S = 5.0
_WEB_PROTOCOLS = "http,https,httpproxy,tls,tcp,crypto"
_STREAM_PROTOCOLS = f"{_WEB_PROTOCOLS},rtsp,rtsps,rtp,srtp,udp,rtmp,rtmps,rtmpt,srt"
_RECEIVED_BYTES = 4 << 20  # Linux grants at most what net.core.rmem_max says
_AT_ONCE = 1 << 18  # bytes of a file that are read in one go
_MOST_THREADS = 8
_DECODES_TITLES = int(av.__version__.partition(".")[0]) < 19


@dataclass(slots=True)
class Input:
    """An opened container with the video stream that is read.

    Attributes:
        container: PyAV's; closed with ``close``.
        stream: Its video.
        name: For messages.
        file: The regular file behind it; None for an address.
        size: Bytes of the file when it was opened, or that a server promised; 0: unknown.
        decoder: What decodes: ``cpu``, or a kind of hardware.
    """

    container: Any
    stream: Any
    name: str
    file: BinaryIO | None
    size: int
    decoder: str

    @property
    def fps(self) -> float:
        """Nominal frame rate; 30 where the container names none that a film has."""
        for rate in (self.stream.average_rate, self.stream.guessed_rate):
            if rate and 0.001 < float(rate) < 5000:
                return float(rate)
        return 30.0

    @property
    def duration_s(self) -> float | None:
        """What the container says of its length, seconds."""
        duration = self.container.duration
        return duration / 1e6 if duration and duration > 0 else None

    @property
    def formats(self) -> frozenset[str]:
        """FFmpeg's names for the container's format."""
        return frozenset(self.container.format.name.split(","))

    def listed(self) -> int | None:
        """How many frames an MP4's index lists so far, edit lists applied; None: it has none."""
        return len(self.stream.index_entries) if "mp4" in self.formats else None

    def is_end(self, error: Exception) -> bool:
        """Whether an error of reading is the end: of what has no length, FFmpeg cannot tell."""
        is_unknown = self.file is None and self.size == 0
        return is_unknown and getattr(error, "errno", None) == errno.EIO

    def close(self) -> None:
        """Release everything."""
        self.container.close()
        if self.file is not None:
            self.file.close()


def open_file(path: Path, *, decode: str) -> Input:
    """Open a video file.

    Args:
        path: A regular file; any bytes are a name.
        decode: ``auto``, ``cpu``, or a kind of hardware.

    Raises:
        SourceError: It is no video, names other files, or its frames are too large.
        UsageError: That hardware cannot decode here.
        OSError: It cannot be read, or is no regular file.
    """
    file = open_regular(path)
    try:
        size = os.fstat(file.fileno()).st_size
        container, decoder = _open(
            _Bytes(file), decode, io_open=_refuse, buffer_size=_AT_ONCE, options={}
        )
        try:
            return _checked(container, path.name, file, size, decoder)
        except BaseException:
            container.close()
            raise
    except (av.error.FFmpegError, _OutsideError) as error:
        file.close()
        raise _no_video(path, error) from error
    except BaseException:
        file.close()
        raise


def open_address(url: str, *, decode: str, transport: str = "tcp") -> Input:
    """Open a network address, with a time limit.

    Args:
        url: Whose scheme is one that is supported.
        decode: ``auto``, ``cpu``, or a kind of hardware.
        transport: How an RTSP camera sends: ``tcp`` or ``udp``.

    Raises:
        SourceError: Nothing answers there, it is not video, or its frames are too large.
        UsageError: That hardware cannot decode here.
    """
    address = shown(url)
    try:
        container, decoder = _open(
            url,
            decode,
            timeout=(NETWORK_TIMEOUT_S, NETWORK_TIMEOUT_S),
            options=_network_options(url, transport),
        )
    except av.error.HTTPUnauthorizedError as error:
        raise SourceError(
            f"{address} refuses this user and password",
            fix="check both; --source @FILE reads the address from a file, where nobody sees it",
        ) from error
    except (av.error.FFmpegError, OSError) as error:
        raise SourceError(
            f"no video at {address} ({_reason(error)})",
            fix="check address, user and password, and that video comes from there: "
            f"ffprobe {quoted(address)}",
        ) from error
    try:
        size = max(0, container.size or 0)
        return _checked(container, name_in(address), None, size, decoder)
    except BaseException:
        container.close()
        raise


def _network_options(url: str, transport: str) -> dict[str, str]:
    """What FFmpeg is told for an address."""
    if url.lower().startswith(("http:", "https:")):
        return {
            "protocol_whitelist": _WEB_PROTOCOLS,
            # A connection to a file that breaks off is taken up where it was.
            "reconnect": "1",
            "reconnect_delay_max": "2",
        }
    options = {"protocol_whitelist": _STREAM_PROTOCOLS, "fflags": "nobuffer"}
    if url.lower().startswith("rtsp"):
        options["rtsp_transport"] = transport
        if transport == "udp":  # a key frame comes at once, while another is being decoded
            options["buffer_size"] = str(_RECEIVED_BYTES)
    return options


def name_in(address: str) -> str:
    """The last part of an address as it may be shown, for messages."""
    return address.rpartition("/")[2].partition("?")[0].strip("*") or address


class _OutsideError(OSError):
    """The file asked for another one."""


class _Bytes:
    """What PyAV needs of a file, without its name."""

    def __init__(self, file: BinaryIO) -> None:
        self.read, self.seek, self.tell = file.read, file.seek, file.tell


def _refuse(*_: object) -> object:
    raise _OutsideError(errno.EPERM, "it names other files")


def _open(source: object, decode: str, **how: Any) -> tuple[Any, str]:
    """Open with the chosen decoder; (container, what decodes)."""
    logging.getLogger("libav").setLevel(logging.CRITICAL)
    # Titles of strangers need not be UTF-8; from 19 on PyAV knows that itself.
    if _DECODES_TITLES:
        how["metadata_errors"] = "replace"
    plain = av.open(source, "r", **how)
    if decode in {"auto", "cpu"}:
        return plain, "cpu"
    plain.close()  # what is wrong with the video is said in its own words
    if decode not in hwdevices_available():
        raise UsageError(
            f"--decode {decode} is not part of the installed PyAV, which has: "
            f"{', '.join(hwdevices_available()) or 'none'}",
            fix="choose one of them, or leave --decode out",
        )
    if isinstance(source, _Bytes):
        source.seek(0)
    try:
        accelerated = HWAccel(device_type=decode, allow_software_fallback=True)
        container = av.open(source, "r", hwaccel=accelerated, **how)
    except (RuntimeError, MemoryError, OSError, av.error.FFmpegError) as error:
        raise UsageError(
            f"--decode {decode} does not work on this machine",
            fix="check the driver, or leave --decode out",
        ) from error
    video = container.streams.best("video")
    has_it = video is not None and video.codec_context is not None
    return container, decode if has_it and video.codec_context.is_hwaccel else "cpu"


def _checked(container: Any, name: str, file: BinaryIO | None, size: int, decoder: str) -> Input:
    """Choose the stream and bound what its decoder may take."""
    stream = _video_of(container)
    if stream is None:
        raise SourceError(
            f"{name} holds no video that can be decoded",
            fix="give a video; ffprobe FILE says what is in it",
        )
    context = stream.codec_context
    refuse_too_large(name, context.width, context.height)
    # FFmpeg counts a margin of 128 pixels at each side as well.
    context.options = {"max_pixels": str(2 * most_pixels() + (1 << 20))}
    # The network takes the others; each thread holds frames of its own.
    context.thread_count = max(1, min(_MOST_THREADS, (os.cpu_count() or 1) // 2))
    context.thread_type = "AUTO"
    # It would number B-frames without times as they are stored, not as they are shown.
    container.flags &= ~av.container.core.Flags.gen_pts.value
    return Input(container, stream, name, file, size, decoder)


def _video_of(container: Any) -> Any:
    """The best video stream that is no cover of an album; None where there is none."""

    def is_film(stream: Any) -> bool:
        is_cover = "attached_pic" in str(stream.disposition)
        return stream.codec_context is not None and not is_cover

    best = container.streams.best("video")
    films = [stream for stream in container.streams.video if is_film(stream)]
    return best if best is not None and is_film(best) else next(iter(films), None)


def refuse_too_large(name: str, width: int, height: int) -> None:
    """Raise ``SourceError`` for frames larger than any that is read."""
    if is_too_large(width, height):
        raise SourceError(
            f"{name} has frames of {width}x{height} pixels",
            fix=f"give a video with at most {most_pixels() / 1e6:g} megapixels",
        )


def _no_video(path: Path, error: Exception) -> SourceError:
    if isinstance(error, _OutsideError):
        return SourceError(
            f"{path} is no video, but a list that names other files",
            fix="give one of those files itself",
        )
    return SourceError(
        f"{path} cannot be opened as a video: not a video file, or its header is missing",
        fix=f"check that it plays elsewhere; ffprobe {quoted(path)} says what it is",
    )


def _reason(error: Exception) -> str:
    if isinstance(error, av.error.ExitError):
        return f"waited {NETWORK_TIMEOUT_S:g} s"
    if isinstance(error, av.error.InvalidDataError):
        return "what comes from there is no video"
    return str(getattr(error, "strerror", None) or type(error).__name__)
