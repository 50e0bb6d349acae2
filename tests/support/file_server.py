"""A local web server that misbehaves on request, and a user who downloads from it."""

from __future__ import annotations

import contextlib
import hashlib
import re
import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from steadypose.export.download_weights import main
from steadypose.export.weights.download.fetch import part_of
from steadypose.export.weights.download.transfer import Patience
from steadypose.realtime.model import zoo
from steadypose.realtime.model.zoo import ZooModel

Answer = Callable[["Request"], None]


def tiny_weights(size: int = 100_000, *, seed: int = 0) -> bytes:
    """Random-looking bytes, unlike any file format."""
    block = b"".join(hashlib.sha256(b"%d %d" % (seed, i)).digest() for i in range(64))
    return (block * (size // len(block) + 1))[:size]


def model_of(data: bytes, *, name: str = "tiny-coco-64x32") -> ZooModel:
    """A model whose file name contains the hash of its content."""
    prefix = hashlib.sha256(data).hexdigest()[:8]
    path = f"some/folder/tiny_coco_64x32-{prefix}_20200102.pth"
    return ZooModel(name, "tiny", (64, 32), "coco17", path, "AP 0.1", "quarter", 2.0)


class Request(BaseHTTPRequestHandler):
    """One request; answers are functions of it."""

    server: _Server

    def do_GET(self) -> None:
        home = self.server.home
        home.asked.append((self.path, self.headers.get("Range")))
        with home.turn:
            answer = home.answers.pop(0) if home.answers else home.usual
        with contextlib.suppress(OSError):  # the client may have disconnected
            answer(self)

    do_CONNECT = do_GET  # noqa: N815  # for https through this server as a proxy

    @property
    def data(self) -> bytes:
        return self.server.home.files.get(self.path, b"")

    def begin(self, code: int, **headers: str | int) -> None:
        """Status and headers; underscores in header names become hyphens."""
        self.send_response(code)
        for key, value in headers.items():
            self.send_header(key.replace("_", "-"), str(value))
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the base's name
        """Print nothing."""


class _Server(ThreadingHTTPServer):
    home: FileServer
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore clients that hung up."""


class FileServer:
    """Serves ``files``; each of ``answers`` is used for one request, then ``usual``."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.answers: list[Answer] = []
        self.usual: Answer = serve
        self.asked: list[tuple[str, str | None]] = []
        self.turn = threading.Lock()
        self._server = _Server(("127.0.0.1", 0), Request)
        self._server.home = self
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/"

    def add(self, data: bytes) -> ZooModel:
        """Serve a file under the path of its model."""
        model = model_of(data)
        self.files["/" + model.path] = data
        return model

    @contextlib.contextmanager
    def running(self) -> Iterator[FileServer]:
        thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()
            thread.join()


def serve(request: Request, *, at_most: int | None = None) -> None:
    """Answer correctly, with ranges; or hangs up after ``at_most`` bytes."""
    data = request.data
    if not data:
        request.begin(404, Content_Length=0)
        return
    found = re.fullmatch(r"bytes=(\d+)-", request.headers.get("Range") or "")
    start = int(found.group(1)) if found else 0
    if found and start >= len(data):
        request.begin(416, Content_Length=0, Content_Range=f"bytes */{len(data)}")
        return
    if found:
        span = f"bytes {start}-{len(data) - 1}/{len(data)}"
        request.begin(206, Content_Length=len(data) - start, Content_Range=span)
    else:
        request.begin(200, Content_Length=len(data))
    request.wfile.write(data[start:][:at_most])


def serve_whole(request: Request, *, at_most: int | None = None) -> None:
    """Ignores ranges; hangs up after ``at_most`` bytes."""
    request.begin(200, Content_Length=len(request.data))
    request.wfile.write(request.data[:at_most])


def serve_chunked(request: Request) -> None:
    """Sends no length."""
    request.protocol_version = "HTTP/1.1"
    request.begin(200, Transfer_Encoding="chunked", Connection="close")
    for start in range(0, len(request.data), 30_000):
        block = request.data[start : start + 30_000]
        request.wfile.write(b"%x\r\n%s\r\n" % (len(block), block))
    request.wfile.write(b"0\r\n\r\n")


def break_after(count: int) -> Answer:
    """Announces the full length, sends ``count`` bytes and hangs up."""

    def answer(request: Request) -> None:
        request.begin(200, Content_Length=len(request.data))
        request.wfile.write(request.data[:count])

    return answer


def wrong_range(request: Request) -> None:
    """Sends a different range than requested."""
    data = request.data
    request.begin(206, Content_Length=10, Content_Range=f"bytes 0-9/{len(data)}")
    request.wfile.write(data[:10])


def fail(code: int, **headers: str | int) -> Answer:
    """An error without a body."""
    return lambda request: request.begin(code, Content_Length=0, **headers)


def raw(answer: bytes) -> Answer:
    """Sends bytes that are not HTTP."""

    def send(request: Request) -> None:
        request.wfile.write(answer)

    return send


def redirect(target: str) -> Answer:
    return lambda request: request.begin(302, Location=target, Content_Length=0)


def page(kind: str = "text/html") -> Answer:
    """The response of a network with a log-in page."""

    def answer(request: Request) -> None:
        text = b"\n<!DOCTYPE html><html><body>Welcome to our hotel</body></html>"
        request.begin(200, Content_Type=kind, Content_Length=len(text))
        request.wfile.write(text)

    return answer


def hang_until(released: threading.Event, *, after: int = 0) -> Answer:
    """Sends ``after`` bytes, then nothing until it is released; then the rest."""

    def answer(request: Request) -> None:
        if after:
            request.begin(200, Content_Length=len(request.data))
            request.wfile.write(request.data[:after])
            request.wfile.flush()
        released.wait(30)
        if after:
            request.wfile.write(request.data[after:])

    return answer


QUICK = Patience(timeout_s=0.3, retries=2, pause_s=0.01, longest_pause_s=0.05)
DATA = tiny_weights()
HALF = len(DATA) // 2


class Outcome(NamedTuple):
    """A command's output, as a user sees it."""

    code: int
    out: str
    err: str


class Desk:
    """A user with a cache, and a zoo with one model in it."""

    def __init__(self, server: FileServer, folder: Path, capsys: pytest.CaptureFixture[str]):
        self.server = server
        self.cache = folder / "cache"
        self.model = server.add(DATA)
        self.target = self.cache / self.model.file_name
        self.part = part_of(self.target)
        self._capsys = capsys

    def download(self, *options: str) -> Outcome:
        code = main([self.model.name, "--cache", str(self.cache), *options], patience=QUICK)
        return Outcome(code, *self._capsys.readouterr())

    def put(self, path: Path, data: bytes) -> None:
        self.cache.mkdir(exist_ok=True)
        path.write_bytes(data)

    def left(self) -> set[str]:
        """Files in the cache, except the lock and the hash of the first good copy."""
        found = self.cache.iterdir() if self.cache.exists() else ()
        return {path.name for path in found if path.suffix not in {".lock", ".sha256"}}

    def assert_good(self, outcome: Outcome) -> None:
        assert outcome.code == 0, outcome.err
        assert str(self.target) in outcome.out
        assert self.left() == {self.target.name}
        assert self.target.read_bytes() == DATA

    def assert_refused(self, outcome: Outcome, *sentences: str, kept: int = 0) -> None:
        """Exit code 2, a fact and a fix, and nothing under the final name."""
        assert (outcome.code, outcome.out) == (2, ""), outcome
        for sentence in sentences:
            assert sentence in outcome.err, outcome.err
        assert outcome.err.count("error: ") == outcome.err.count("  fix: ") == 1
        assert self.left() == ({self.part.name} if kept else set())
        if kept:
            assert self.part.read_bytes() == DATA[:kept]


@contextlib.contextmanager
def open_desk(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Desk]:
    """Use a local server instead of the real one, which no test may reach."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "STEADYPOSE_MIRRORS"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    with FileServer().running() as server:
        monkeypatch.setattr(zoo, "BASE_URL", server.url)
        made = Desk(server, folder, capsys)
        monkeypatch.setitem(zoo.MODELS, made.model.name, made.model)
        yield made


def nobody() -> str:
    """The address of a server that does not exist."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}/"
