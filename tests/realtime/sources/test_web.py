"""Web addresses: a file where there is a length or an end, else a camera."""

from __future__ import annotations

import contextlib
import http.server
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from steadypose.engines.errors import SourceError
from steadypose.realtime.sources.opening import SourceOptions, open_source
from steadypose.realtime.sources.video import web
from tests.support.films import Watched, even, jpeg, listed, number, watch, write

Answer = Callable[[http.server.BaseHTTPRequestHandler], None]


@contextmanager
def server(answer: Answer) -> Iterator[tuple[str, list[str]]]:
    """A web server; (its address, the paths that were asked for)."""
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            asked.append(self.path)
            self.close_connection = True
            with contextlib.suppress(OSError):  # the reader hangs up
                answer(self)

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        running.daemon_threads = True
        threading.Thread(target=running.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{running.server_port}", asked
        finally:
            running.shutdown()


def whole(content: bytes, *, promised: int | None = None) -> Answer:
    """A file with its length, and parts of it where they are asked for."""

    def answer(to: http.server.BaseHTTPRequestHandler) -> None:
        wanted = to.headers.get("Range", "bytes=0-").removeprefix("bytes=").partition("-")[0]
        begin, total = int(wanted or 0), promised or len(content)
        to.send_response(206 if begin else 200)
        to.send_header("Content-Length", str(total - begin))
        to.send_header("Accept-Ranges", "bytes")
        to.send_header("Connection", "close")
        if begin:
            to.send_header("Content-Range", f"bytes {begin}-{total - 1}/{total}")
        to.end_headers()
        to.wfile.write(content[begin:])

    return answer


def in_chunks(content: bytes, *, kind: str = "video/mp2t") -> Answer:
    """Something whose length nobody says, but which ends."""

    def answer(to: http.server.BaseHTTPRequestHandler) -> None:
        to.send_response(200)
        to.send_header("Content-Type", kind)
        to.send_header("Transfer-Encoding", "chunked")
        to.send_header("Connection", "close")
        to.end_headers()
        for at in range(0, len(content), 10_000):
            part = content[at : at + 10_000]
            to.wfile.write(f"{len(part):x}\r\n".encode() + part + b"\r\n")
        to.wfile.write(b"0\r\n\r\n")

    return answer


def to_the_end(content: bytes) -> Answer:
    """As servers did before there were chunks: the end of the connection is the end."""

    def answer(to: http.server.BaseHTTPRequestHandler) -> None:
        to.send_response(200)
        to.send_header("Connection", "close")
        to.end_headers()
        to.wfile.write(content)

    return answer


def camera(pictures: Iterator[bytes], *, pause_s: float = 0.01, length: bool = True) -> Answer:
    """A camera that sends JPEGs to browsers."""

    def answer(to: http.server.BaseHTTPRequestHandler) -> None:
        to.send_response(200)
        to.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
        to.end_headers()
        for picture in pictures:
            head = "--frame\r\nContent-Type: image/jpeg\r\n"
            head += f"Content-Length: {len(picture)}\r\n\r\n" if length else "\r\n"
            to.wfile.write(head.encode() + picture + b"\r\n")
            time.sleep(pause_s)
        to.wfile.write(b"--frame--\r\n")

    return answer


@pytest.mark.parametrize("end", ["mp4", "mkv", "ts", "avi", "webm"])
@pytest.mark.parametrize("how", [whole, in_chunks, to_the_end])
def test_what_has_a_length_or_ends_is_a_file(
    tmp_path: Path, end: str, how: Callable[[bytes], Answer]
) -> None:
    codec = {"avi": "mpeg4", "webm": "libvpx"}.get(end, "libx264")
    options = {"movflags": "frag_keyframe+empty_moov"} if how is not whole and end == "mp4" else {}
    base = Fraction(1, 1000) if end in {"mkv", "webm"} else Fraction(1, 30)
    path = write(tmp_path / f"a.{end}", even(45), codec=codec, base=base, container=options)
    with server(how(path.read_bytes())) as (address, _):
        source = open_source(SourceOptions(f"{address}/a.{end}"))
        assert not source.is_live
        seen = Watched(source)
    assert seen.error is None
    assert seen.numbers == list(range(45))
    want = even(45) if end == "avi" else listed(path)
    assert seen.times_s == pytest.approx(want, abs=1e-4)


def test_an_index_at_the_end_is_fetched(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mp4", even(60))
    with server(whole(path.read_bytes())) as (address, _):
        assert len(watch(f"{address}/a.mp4").times_s) == 60


def test_a_connection_that_breaks_off_is_told(tmp_path: Path) -> None:
    options = {"movflags": "faststart"}
    path = write(tmp_path / "a.mp4", even(60), container=options)
    content = path.read_bytes()
    with server(whole(content[: len(content) // 2], promised=len(content))) as (address, _):
        seen = watch(f"{address}/a.mp4")
    assert seen.error is not None
    assert "of 60 frames: the connection was lost" in seen.error.what
    assert "download it" in seen.error.fix
    assert 10 < len(seen.times_s) < 59


def frames_from(address: str, count: int) -> list[int]:
    source = open_source(SourceOptions(address))
    found: list[int] = []
    try:
        assert source.is_live
        deadline = time.monotonic() + 20
        while len(found) < count and time.monotonic() < deadline:
            frame = source.read(1.0)
            if frame is not None:
                found.append(number(frame.image_bgr))
            assert source.trouble is None
    finally:
        source.close()
    return found


def endless(broken: Callable[[int], bool], spoil: Callable[[bytes], bytes]) -> Iterator[bytes]:
    for index in range(10_000):
        picture = jpeg(index % 198 or 198 * (index > 0))  # 0 is the first alone
        yield spoil(picture) if broken(index) else picture


SPOILT: dict[str, Callable[[bytes], bytes]] = {
    "half": lambda picture: picture[: len(picture) // 2],
    "noise": lambda picture: bytes(range(256)) * (len(picture) // 256 + 1),
    "text": lambda _: b"<html>503 Busy</html>",
    "empty": lambda _: b"",
    "without its head": lambda picture: picture[300:],
}


@pytest.mark.parametrize("length", [True, False])
@pytest.mark.parametrize("name", SPOILT)
@pytest.mark.parametrize("which", ["first", "every third"])
def test_a_broken_picture_of_a_camera_costs_that_picture(
    name: str, which: str, *, length: bool
) -> None:
    def is_broken(index: int) -> bool:
        return index == 0 if which == "first" else index % 3 == 1

    answer = camera(endless(is_broken, SPOILT[name]), length=length)
    with server(answer) as (address, asked):
        found = frames_from(f"{address}/video", 12)
    assert len(found) == 12
    assert not any(is_broken(index) for index in found)
    assert len(asked) == 1


def test_what_breaks_off_while_it_is_looked_at_breaks_off_where_it_did(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    packets = [SimpleNamespace(size=9, stream_index=0, pts=n) for n in range(5)]

    def demux() -> Iterator[Any]:
        yield from packets
        raise ConnectionResetError

    film = SimpleNamespace(
        container=SimpleNamespace(demux=demux),
        formats=frozenset(),
        is_end=lambda _error: False,
        stream=SimpleNamespace(index=0, time_base=Fraction(1, 1)),
    )
    web._is_soon_over(film)  # type: ignore[arg-type]
    reading = film.container.demux()
    assert [next(reading) for _ in packets] == packets
    with pytest.raises(ConnectionResetError):
        next(reading)


def test_a_camera_that_hangs_up_is_called_again() -> None:
    with server(camera(iter([jpeg(1)] * 60))) as (address, asked):
        source = open_source(SourceOptions(f"{address}/video"))
        deadline = time.monotonic() + 20
        while len(asked) < 2 and time.monotonic() < deadline:
            source.read(0.2)
        source.close()
    assert len(asked) >= 2


def test_a_slow_live_stream_is_a_camera(tmp_path: Path) -> None:
    content = write(tmp_path / "a.ts", even(300), gop=10).read_bytes()

    def answer(to: http.server.BaseHTTPRequestHandler) -> None:
        to.send_response(200)
        to.send_header("Content-Type", "video/mp2t")
        to.end_headers()
        for at in range(0, len(content), len(content) // 100):
            to.wfile.write(content[at : at + len(content) // 100])
            time.sleep(0.1)

    with server(answer) as (address, asked):
        source: Any = open_source(SourceOptions(f"{address}/live"))
        assert source.is_live
        assert source.read(5.0) is not None
        source.close()
    assert len(asked) == 1


def test_what_is_no_video_is_one_sentence_that_fits_an_address() -> None:
    said = "what comes from there is no video"
    with (
        server(whole(b"<html>hello</html>" * 50)) as (address, _),
        pytest.raises(SourceError, match=said) as caught,
    ):
        open_source(SourceOptions(f"{address}/page"))
    assert "ffprobe http://127.0.0.1" in caught.value.fix


def test_an_address_never_leads_to_a_file(tmp_path: Path) -> None:
    film = write(tmp_path / "a.ts", even(30))
    text = f"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:1,\nfile://{film}\n#EXT-X-ENDLIST\n"
    with server(whole(text.encode())) as (address, _), pytest.raises(SourceError):
        open_source(SourceOptions(f"{address}/a.m3u8"))

    def redirect(to: http.server.BaseHTTPRequestHandler) -> None:
        to.send_response(302)
        to.send_header("Location", f"file://{film}")
        to.send_header("Content-Length", "0")
        to.end_headers()

    with server(redirect) as (address, _), pytest.raises(SourceError, match="no video at"):
        open_source(SourceOptions(f"{address}/a.ts"))


def test_a_list_of_pieces_is_followed_over_http(tmp_path: Path) -> None:
    piece = write(tmp_path / "a.ts", even(30)).read_bytes()
    text = b"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:1,\na.ts\n#EXT-X-ENDLIST\n"

    def answer(to: http.server.BaseHTTPRequestHandler) -> None:
        whole(text if to.path.endswith("m3u8") else piece)(to)

    with server(answer) as (address, _):
        seen = watch(f"{address}/a.m3u8")
    assert len(seen.times_s) == 30
    assert seen.error is None
