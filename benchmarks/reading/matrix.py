"""Makes small videos of every kind that people have, whole ones and broken ones; needs ffmpeg."""

from __future__ import annotations

import struct
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

_SCENE = "testsrc2=size={size}:rate={rate}:duration={seconds}"
_X264 = ("-c:v", "libx264", "-preset", "ultrafast", "-g", "12")
_B_FRAMES = ("-c:v", "libx264", "-preset", "veryfast", "-bf", "3", "-g", "24")
_X265 = ("-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=error:pools=1")
_VP9 = ("-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8")
_FRAGMENTED = ("-movflags", "frag_keyframe+empty_moov")
_TO_TS = ("-bsf:v", "h264_mp4toannexb")
_SOUND = ("-f", "lavfi", "-i", "sine=duration=3")


@dataclass(frozen=True, slots=True)
class Made:
    """A video and what reading it should come to.

    Attributes:
        path: It.
        is_whole: Nothing is missing: every listed frame is used, exit 0.
        is_cut: Its end is missing.
        is_joined: Its times begin again, and are continued.
    """

    path: Path
    is_whole: bool = True
    is_cut: bool = False
    is_joined: bool = False


class Maker:
    """Makes files in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.made: list[Made] = []

    def ffmpeg(self, name: str, *words: object) -> Path:
        """Call ffmpeg; the output is its last word."""
        path = self.folder / name
        command = ["ffmpeg", "-y", "-v", "error", *map(str, words), str(path)]
        subprocess.run(command, check=True, capture_output=True)
        return path

    def film(
        self,
        name: str,
        *words: object,
        size: str = "160x120",
        rate: object = 30,
        seconds: float = 2,
    ) -> Path:
        """A moving test picture."""
        scene = _SCENE.format(size=size, rate=rate, seconds=seconds)
        return self.ffmpeg(name, "-f", "lavfi", "-i", scene, "-pix_fmt", "yuv420p", *words)

    def copy(self, name: str, path: Path, *words: object) -> Path:
        """The same packets in another container."""
        return self.ffmpeg(name, "-i", path, "-map", "0:v", "-c", "copy", *words)

    def spoil(
        self, name: str, path: Path, change: Callable[[bytearray], bytes | bytearray]
    ) -> Path:
        """A file with other bytes."""
        target = self.folder / name
        target.write_bytes(change(bytearray(path.read_bytes())))
        return target

    def add(self, *paths: Path, **what: bool) -> None:
        """Put files into the matrix; ``what`` as ``Made`` has it."""
        self.made += [Made(path, **what) for path in paths]


def make_all(folder: Path) -> list[Made]:
    """Make the matrix."""
    make = Maker(folder)
    for part in (_containers, _rates, _codecs, _offsets, _turned, _cut, _damaged, _joined):
        part(make)
    return make.made


def _containers(make: Maker) -> None:
    plain, with_b = make.film("plain.mp4", *_X264), make.film("b_frames.mp4", *_B_FRAMES)
    make.add(plain, with_b)
    for source, word in ((plain, "plain"), (with_b, "b_frames")):
        make.add(*(make.copy(f"{word}.{end}", source) for end in ("mkv", "mov", "avi", "flv")))
        make.add(make.copy(f"{word}.ts", source, *_TO_TS))
        make.add(make.copy(f"{word}_fragmented.mp4", source, *_FRAGMENTED))
        make.add(make.copy(f"{word}.m2ts", source, *_TO_TS))
    make.add(make.copy("index_first.mp4", plain, "-movflags", "+faststart"))
    make.add(
        make.film("vp9.webm", *_VP9), make.film("vp8.webm", "-c:v", "libvpx", "-cpu-used", "8")
    )
    make.add(make.copy("live.mkv", plain, "-live", "1"))


def _rates(make: Maker) -> None:
    make.add(make.film("ntsc.mp4", *_X264, rate="30000/1001"))
    make.add(make.film("240.mp4", *_X264, rate=240, seconds=0.5))
    make.add(make.film("slow.mkv", *_X264, rate="1/5", seconds=50))
    uneven = ("-vf", "select='not(mod(n,7))+not(mod(n,3))'", "-fps_mode", "vfr")
    make.add(*(make.film(f"uneven.{end}", *uneven, *_B_FRAMES) for end in ("mp4", "mkv", "ts")))
    pause = ("-vf", "setpts='if(gt(N,30),PTS+600/TB,PTS)'", "-fps_mode", "passthrough")
    make.add(*(make.film(f"pause.{end}", *pause, *_X264) for end in ("mp4", "mkv")))
    make.add(make.film("one_frame.mp4", *_X264, seconds=0.03))
    make.add(make.film("two_frames.mkv", *_X264, seconds=0.06))


def _codecs(make: Maker) -> None:
    make.add(make.film("hevc.mp4", *_X265))
    ten = make.ffmpeg(
        "ten_bits.mp4",
        *("-f", "lavfi", "-i", _SCENE.format(size="160x120", rate=30, seconds=2)),
        *("-pix_fmt", "yuv420p10le", *_X265),
    )
    make.add(ten, make.film("mpeg4.avi", "-c:v", "mpeg4", "-bf", "0"))
    make.add(make.film("mjpeg.avi", "-c:v", "mjpeg", "-q:v", "3", "-pix_fmt", "yuvj420p"))
    make.add(make.film("mpeg2.mpg", "-c:v", "mpeg2video"), make.film("ffv1.mkv", "-c:v", "ffv1"))
    make.add(make.film("odd.mp4", "-c:v", "libx264", "-pix_fmt", "yuv444p", size="161x97"))
    make.add(make.film("tiny.mkv", "-c:v", "ffv1", size="16x16"))
    make.add(make.film("animated.gif", "-pix_fmt", "pal8", rate=25))


def _offsets(make: Maker) -> None:
    plain = make.folder / "plain.mp4"
    gop = make.film("gop.mp4", *_B_FRAMES, seconds=6)
    make.add(make.ffmpeg("trimmed.mp4", "-ss", 1.3, "-i", gop, "-c", "copy"))
    make.add(make.ffmpeg("trimmed_from_key.mov", "-ss", 1.6, "-i", gop, "-c", "copy"))
    late = ("-itsoffset", 2, "-i", plain, *_SOUND, "-map", "0:v", "-map", "1:a", "-c:v", "copy")
    make.add(*(make.ffmpeg(f"late.{end}", *late) for end in ("mp4", "mkv", "mov")))
    make.add(make.ffmpeg("late.ts", *late, *_TO_TS))
    far = ("-output_ts_offset", 3600)
    make.add(make.copy("far.ts", plain, *_TO_TS, *far), make.copy("far.mkv", plain, *far))
    negative = ("-copyts", "-avoid_negative_ts", "disabled", "-output_ts_offset", -0.5)
    make.add(make.copy("negative.mp4", plain, *negative, "-use_editlist", 0))
    make.ffmpeg(
        "part%d.ts", "-i", gop, "-c", "copy", *_TO_TS, "-f", "segment", "-segment_time", 1.5
    )
    make.add(*sorted(make.folder.glob("part?.ts")))
    make.add(make.ffmpeg("sound_first.mp4", *_SOUND, "-i", plain, "-c:v", "copy"))


def _turned(make: Maker) -> None:
    plain, one = make.folder / "plain.mp4", 0x10000
    for name, (a, b, c, d) in {
        "by_90": (0, 1, -1, 0),
        "by_180": (-1, 0, 0, -1),
        "by_270": (0, -1, 1, 0),
        "mirrored": (-1, 0, 0, 1),
        "flipped": (1, 0, 0, -1),
        "mirrored_by_90": (0, 1, 1, 0),
    }.items():
        matrix = struct.pack(">9i", a * one, b * one, 0, c * one, d * one, 0, 0, 0, 1 << 30)

        def turn(data: bytearray, matrix: bytes = matrix) -> bytearray:
            at = data.index(b"tkhd") + 44
            data[at : at + 36] = matrix
            return data

        make.add(make.spoil(f"{name}.mp4", plain, turn))


def _cut_at(share: float, data: bytearray) -> bytearray:
    return data[: int(len(data) * share) | 1]


def _cut(make: Maker) -> None:
    make.film(
        "noisy.mp4", *_X264, "-vf", "noise=alls=60:allf=t", "-movflags", "+faststart", seconds=4
    )
    noisy = make.folder / "noisy.mp4"
    for end, share in (("mp4", 0.985), ("mkv", 0.98), ("avi", 0.97), ("ts", 0.9), ("mov", 0.6)):
        words = _TO_TS if end == "ts" else ("-movflags", "+faststart") if end == "mov" else ()
        source = noisy if end == "mp4" else make.copy(f"whole.{end}", noisy, *words)
        make.add(
            make.spoil(f"cut.{end}", source, partial(_cut_at, share)), is_whole=False, is_cut=True
        )
    whole = make.copy("whole_fragmented.mp4", noisy, *_FRAGMENTED)
    cut = make.spoil("cut_fragmented.mp4", whole, partial(_cut_at, 0.95))
    make.add(cut, is_whole=False, is_cut=True)


def _damaged(make: Maker) -> None:
    noise = np.random.default_rng(0).integers(0, 256, 3000, np.uint8).tobytes()

    def hit(data: bytearray) -> bytearray:
        at = len(data) // 3
        data[at : at + len(noise)] = noise
        return data

    for end in ("mp4", "mkv", "ts", "avi"):
        source = make.folder / ("noisy.mp4" if end == "mp4" else f"whole.{end}")
        make.add(make.spoil(f"damaged.{end}", source, hit), is_whole=False)


def _joined(make: Maker) -> None:
    plain, other = make.folder / "plain.ts", make.folder / "b_frames.ts"
    path = make.folder / "joined.ts"
    path.write_bytes(plain.read_bytes() + other.read_bytes())
    make.add(path, is_joined=True)
    names = make.folder / "list.txt"
    names.write_text("file plain.mp4\nfile plain.mp4\n")
    make.add(make.ffmpeg("joined.mp4", "-f", "concat", "-i", names, "-c", "copy"))
