"""Transfers from a server that misbehaves: a sentence each, and never half a file."""

from __future__ import annotations

import functools
import http.client
import io
import socket
import ssl
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests
from requests.adapters import HTTPAdapter
from requests.exceptions import InvalidSchema
from urllib3 import HTTPResponse
from urllib3.connection import HTTPSConnection

from steadypose.engines.errors import SourceError
from steadypose.export.weights.download import web
from steadypose.realtime.model import zoo
from tests.support.file_server import (
    DATA,
    HALF,
    QUICK,
    Answer,
    Desk,
    Request,
    break_after,
    fail,
    hang_until,
    nobody,
    page,
    raw,
    redirect,
    serve,
    serve_chunked,
    serve_whole,
    tiny_weights,
    wrong_range,
)


@pytest.mark.parametrize("way", [serve, serve_whole, serve_chunked])
def test_a_good_file_arrives(desk: Desk, way: Callable[..., None]) -> None:
    desk.server.usual = way
    outcome = desk.download()
    desk.assert_good(outcome)
    assert f"SHA-256 begins with {desk.model.hash_prefix}" in outcome.out
    assert outcome.err == ""
    assert len(desk.server.asked) == 1


def test_a_broken_connection_is_gone_on_from(desk: Desk) -> None:
    desk.server.answers = [break_after(HALF)]
    outcome = desk.download()
    desk.assert_good(outcome)
    assert [span for _, span in desk.server.asked] == [None, f"bytes={HALF}-"]
    assert f"the connection broke after {HALF} of {len(DATA)} bytes; trying again" in outcome.err


def test_a_connection_that_always_breaks_keeps_what_it_got(desk: Desk) -> None:
    desk.server.usual = break_after(HALF)
    outcome = desk.download()
    desk.assert_refused(
        outcome, "the connection broke", "3 times in a row; 0.1 MB are kept", kept=HALF
    )
    assert len(desk.server.asked) == 1 + QUICK.retries


def test_progress_forgives_failures(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A large file over a bad line takes more attempts than a dead server is given."""
    monkeypatch.setattr("steadypose.export.weights.download.transfer._STEP", 10_000)

    desk.server.usual = functools.partial(serve, at_most=10_000)
    desk.assert_good(desk.download())
    assert len(desk.server.asked) == len(DATA) // 10_000


@pytest.mark.parametrize("drop", [wrong_range, functools.partial(serve_whole, at_most=10_000)])
def test_progress_counts_from_the_new_beginning_where_a_part_is_dropped(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, drop: Answer
) -> None:
    monkeypatch.setattr("steadypose.export.weights.download.transfer._STEP", 10_000)
    desk.put(desk.part, DATA[:-1000])
    desk.server.answers = [drop]
    desk.server.usual = functools.partial(serve, at_most=10_000)
    desk.assert_good(desk.download())
    assert len(desk.server.asked) >= len(DATA) // 10_000


@pytest.mark.parametrize("with_range", [wrong_range, functools.partial(serve_whole, at_most=HALF)])
def test_a_server_that_only_ever_begins_is_given_up(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, with_range: Answer
) -> None:
    """Each of its answers brings much, but never more than was there before."""
    monkeypatch.setattr("steadypose.export.weights.download.transfer._STEP", 10_000)

    def begin_again(request: Request) -> None:
        (with_range if request.headers.get("Range") else break_after(HALF))(request)

    desk.server.usual = begin_again
    outcome = desk.download()
    assert outcome.code == 2
    assert "3 times in a row" in outcome.err
    assert len(desk.server.asked) < 12


def test_a_part_from_an_earlier_run_is_resumed(desk: Desk) -> None:
    desk.put(desk.part, DATA[:HALF])
    desk.assert_good(desk.download())
    assert desk.server.asked == [("/" + desk.model.path, f"bytes={HALF}-")]


def test_a_server_without_ranges_sends_it_all_again(desk: Desk) -> None:
    desk.put(desk.part, DATA[:HALF])
    desk.server.usual = serve_whole
    desk.assert_good(desk.download())
    assert len(desk.server.asked) == 1


def test_a_complete_part_needs_no_server(desk: Desk) -> None:
    desk.put(desk.part, DATA)
    desk.assert_good(desk.download())
    assert desk.server.asked == []


@pytest.mark.parametrize("extra", [b"", b"more"])
def test_a_part_that_is_too_long_is_dropped(desk: Desk, extra: bytes) -> None:
    desk.put(desk.part, bytes(len(DATA)) + extra)  # the server answers 416
    desk.assert_good(desk.download())
    assert [span for _, span in desk.server.asked] == [f"bytes={len(DATA) + len(extra)}-", None]


def test_a_part_of_another_file_is_dropped(desk: Desk) -> None:
    desk.put(desk.part, tiny_weights(HALF, seed=1))
    outcome = desk.download()
    desk.assert_good(outcome)
    assert "does not fit together; once more from its beginning" in outcome.err
    assert [span for _, span in desk.server.asked] == [f"bytes={HALF}-", None]


def test_another_piece_than_was_asked_for_is_not_appended(desk: Desk) -> None:
    desk.put(desk.part, DATA[:HALF])
    desk.server.answers = [wrong_range]
    desk.assert_good(desk.download())
    assert [span for _, span in desk.server.asked] == [f"bytes={HALF}-", None]


def test_redirects_are_followed_with_the_range(desk: Desk) -> None:
    desk.put(desk.part, DATA[:HALF])
    desk.server.files["/elsewhere"] = DATA
    desk.server.answers = [redirect(desk.server.url + "elsewhere")]
    desk.assert_good(desk.download())
    assert desk.server.asked[1] == ("/elsewhere", f"bytes={HALF}-")


@pytest.mark.parametrize("where", ["file:///etc/passwd", "ftp://127.0.0.1/x", "data:,x"])
def test_redirects_lead_to_the_web_or_nowhere(desk: Desk, where: str) -> None:
    desk.server.usual = redirect(where)
    desk.assert_refused(desk.download(), "redirects to where we do not follow")


@pytest.mark.parametrize(
    "where", ["http://[::1", "http://a..b/", f"http://{'x' * 70}.example/", "http://a:port/"]
)
def test_a_redirect_to_what_is_no_address_is_a_sentence(desk: Desk, where: str) -> None:
    desk.server.usual = redirect(where)
    desk.assert_refused(desk.download(), f"{desk.model.url} cannot be asked for: ")
    assert len(desk.server.asked) == 1


@pytest.mark.parametrize("digits", [19, 5000])
def test_a_length_of_thousands_of_digits_is_none(desk: Desk, digits: int) -> None:
    head = b"HTTP/1.0 200 OK\r\nContent-Length: " + b"9" * digits + b"\r\n\r\n"
    desk.server.usual = raw(head + DATA)
    desk.assert_good(desk.download())
    desk.target.unlink()
    desk.put(desk.part, DATA[:HALF])
    span = b"Content-Range: bytes " + b"9" * digits + b"-9/9\r\n\r\n"
    desk.server.answers = [raw(b"HTTP/1.0 206 OK\r\n" + span)]
    desk.assert_good(desk.download())


def test_a_value_error_in_the_middle_is_a_sentence(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stumble(*_: object) -> None:
        raise ValueError("what is this")

    monkeypatch.setattr(http.client.HTTPResponse, "read1", stumble)
    desk.assert_refused(desk.download(), "cannot be asked for: what is this", kept=512)


NASTY = b"\x1b]0;pwned\x07\x1b[2J\x9b2J" + b"long " * 3000


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.0 403 " + NASTY + b"\r\n\r\n",
        b"HTTP/1.0 503 " + NASTY + b"\r\n\r\n",
        NASTY + b"\r\n\r\n",
        b"HTTP/1.0 302 Found\r\nLocation: gopher:" + NASTY + b"\r\n\r\n",
        b"HTTP/1.0 302 " + NASTY + b"\r\nLocation: gopher:x\r\n\r\n",
    ],
)
def test_no_server_writes_on_the_terminal_what_it_likes(desk: Desk, answer: bytes) -> None:
    desk.server.usual = raw(answer)
    outcome = desk.download()
    desk.assert_refused(outcome)
    for line in outcome.err.splitlines():
        assert line.isprintable()
        assert len(line) < 400


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("Not Found", "Not Found"),
        ("  a\r\n b\t", "a b"),
        ("\x1b]0;pwned\x07\x1b[2J", "]0;pwned[2J"),
        ("\x9b2J\u202e\x7f\u00e4", "2J\u00e4"),
        ("x" * 5000, "x" * 120),
        (ValueError("\x07y"), "y"),
    ],
)
def test_what_comes_from_the_wire_is_made_fit_to_print(text: object, printed: str) -> None:
    assert web.from_wire(text) == printed


PROXY_SAYS = [
    (raw(b"HTTP/1.0 407 \x1b[2JNo\r\n\r\n"), "wants a password (407)", "HTTPS_PROXY", 1),
    (fail(403), "was refused by the proxy http://127.0.0.1:", "(403 Forbidden)", 1),
    (fail(503), "is in trouble (503 Service Unavailable)", "3 times in a row", 3),
    (raw(b""), "the connection broke", "through the proxy http://127.0.0.1:", 3),
]


@pytest.mark.parametrize(("answer", "sentence", "more", "attempts"), PROXY_SAYS)
def test_a_proxy_that_refuses_is_named(
    desk: Desk,
    monkeypatch: pytest.MonkeyPatch,
    answer: Answer,
    sentence: str,
    more: str,
    attempts: int,
) -> None:
    monkeypatch.setattr(zoo, "BASE_URL", "https://download.example/")
    address = desk.server.url.removeprefix("http://").rstrip("/")
    monkeypatch.setenv("HTTPS_PROXY", f"http://user:pass@word@{address}")
    desk.server.usual = answer
    outcome = desk.download()
    desk.assert_refused(outcome, sentence, more, f"proxy http://{address}")
    assert "word@" not in outcome.err
    assert "\x1b" not in outcome.err
    assert desk.server.asked == [("download.example:443", None)] * attempts


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("kind", ["socks5", "http"])
def test_a_proxy_that_is_not_there_is_named(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, scheme: str, kind: str
) -> None:
    monkeypatch.setattr(zoo, "BASE_URL", f"{scheme}://download.example/")
    proxy = nobody().replace("http:", f"{kind}:")
    monkeypatch.setenv(f"{scheme}_proxy", proxy)

    def no_socks(*_: object, **__: object) -> None:
        raise InvalidSchema("Missing dependencies for SOCKS support.")  # as without PySocks

    monkeypatch.setattr("requests.adapters.SOCKSProxyManager", no_socks)
    outcome = desk.download()
    desk.assert_refused(outcome, f"the proxy {proxy} ", f"{scheme.upper()}_PROXY")
    assert ("SOCKS is not known here" in outcome.err) == (kind == "socks5")
    assert "trying again" not in outcome.err
    monkeypatch.setattr(zoo, "BASE_URL", nobody().replace("http:", f"{scheme}:"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    desk.assert_refused(desk.download(), "no server answers at 127.0.0.1")


def test_a_proxy_whose_name_is_unknown_is_named(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_names(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", no_names)
    monkeypatch.setattr(zoo, "BASE_URL", "https://download.example/")
    monkeypatch.setenv("HTTPS_PROXY", "proxy.invalid:3128")
    desk.assert_refused(desk.download(), "the proxy proxy.invalid:3128 cannot be found")


def test_redirects_in_circles_end(desk: Desk) -> None:
    desk.server.usual = redirect(desk.server.url + desk.model.path)
    desk.assert_refused(desk.download(), "redirects to where we do not follow", "10 redirects")
    assert len(desk.server.asked) == 11


class Far(HTTPAdapter):
    """Stands in for https servers that all redirect to one address."""

    def __init__(self, target: str) -> None:
        super().__init__()
        self.target = target
        self.asked: list[str | None] = []

    def send(self, request: requests.PreparedRequest, *_: object, **__: object) -> Any:
        self.asked.append(request.url)
        answer = requests.Response()
        answer.url, answer.request = request.url or "", request
        is_last = request.url == self.target
        answer.status_code = 200 if is_last else 302
        answer.headers["Location"] = self.target
        answer.raw = HTTPResponse(io.BytesIO(b"done"), preload_content=False)
        return answer


def test_a_redirect_from_https_down_to_http_is_refused() -> None:
    with web.open_session() as session:
        far = Far("http://a.example/y")
        session.mount("https://", far)
        session.mount("http://", far)
        with (
            pytest.raises(SourceError, match="do not follow: redirect down to http://a"),
            web.network_errors("https://a.example/x", offset=0),
        ):
            session.get("https://a.example/x")
        assert far.asked == ["https://a.example/x"]
        far.target = "https://b.example/y"
        assert session.get("https://a.example/x").content == b"done"


def test_nobody_is_told_a_password_of_netrc(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("default login user password word\n")
    monkeypatch.setenv("NETRC", str(netrc))
    told: list[str | None] = []

    def look(request: Request) -> None:
        told.extend(request.headers.get(name) for name in ("Authorization", "Accept-Encoding"))
        serve(request)

    desk.server.usual = look
    desk.assert_good(desk.download())
    assert told == [None, "identity"]


def test_what_the_system_trusts_is_trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    """A company's own authority is in the system's store, not among those of requests."""
    asked: list[bool] = []
    make = ssl.create_default_context

    def note(*_: object, **__: object) -> ssl.SSLContext:
        asked.append(True)
        return make()

    monkeypatch.setattr(ssl, "create_default_context", note)
    with web.open_session() as session:
        adapter = session.get_adapter("https://a.example/")
        assert isinstance(adapter, HTTPAdapter)
        assert isinstance(adapter.poolmanager.connection_pool_kw["ssl_context"], ssl.SSLContext)
        proxy = adapter.proxy_manager_for("http://b.example:1")
        assert isinstance(proxy.connection_pool_kw["ssl_context"], ssl.SSLContext)
    assert asked == [True, True]


def test_a_missing_file_names_its_address(desk: Desk) -> None:
    del desk.server.files["/" + desk.model.path]
    desk.assert_refused(desk.download(), f"{desk.model.url} does not exist on that server (404)")
    assert len(desk.server.asked) == 1


@pytest.mark.parametrize("code", [500, 502, 503, 504, 429, 408, 522])
def test_trouble_that_passes_is_waited_for(desk: Desk, code: int) -> None:
    desk.server.answers = [fail(code)]
    outcome = desk.download()
    desk.assert_good(outcome)
    assert f"the server is in trouble ({code}" in outcome.err


def test_trouble_that_stays_ends(desk: Desk) -> None:
    desk.server.usual = fail(500)
    desk.assert_refused(desk.download(), "the server is in trouble (500", "3 times in a row")
    assert len(desk.server.asked) == 1 + QUICK.retries


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        (403, "was refused (403"),
        (410, "does not exist on that server any more (410)"),
        (407, "the proxy wants a password (407)"),
        (511, "the network wants a log-in first (511)"),
        (416, "was refused (416"),
    ],
)
def test_what_another_try_would_not_change_is_not_tried_again(
    desk: Desk, code: int, sentence: str
) -> None:
    desk.server.usual = fail(code)
    desk.assert_refused(desk.download(), sentence)
    assert len(desk.server.asked) == 1


def test_a_server_may_ask_for_a_pause_but_not_for_a_day(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []
    monkeypatch.setattr("steadypose.export.weights.download.transfer.time.sleep", slept.append)
    desk.server.answers = [fail(503, Retry_After=86400), fail(503, Retry_After="soon")]
    desk.assert_good(desk.download())
    assert slept == [QUICK.longest_pause_s, 2 * QUICK.pause_s]


@pytest.mark.parametrize("after", [0, HALF])
def test_a_silent_server_is_given_up(desk: Desk, after: int) -> None:
    released = threading.Event()
    desk.server.usual = hang_until(released, after=after)
    started = time.perf_counter()
    outcome = desk.download()
    assert time.perf_counter() - started < 4  # three times 0.3 s, on a busy machine
    released.set()
    desk.assert_refused(outcome, "does not answer in time", "3 times in a row", kept=after)


@pytest.mark.parametrize("kind", ["text/html", "application/octet-stream"])
def test_a_log_in_page_is_no_file_and_spoils_no_part(desk: Desk, kind: str) -> None:
    desk.put(desk.part, DATA[:HALF])
    desk.server.usual = page(kind)
    desk.assert_refused(desk.download(), "gave a web page instead of the file", "log in", kept=HALF)
    assert len(desk.server.asked) == 1


def test_no_server_is_said_at_once(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zoo, "BASE_URL", nobody())
    outcome = desk.download()
    desk.assert_refused(outcome, "no server answers at 127.0.0.1", "--mirror", "--weights")
    assert "trying again" not in outcome.err


def test_no_network_is_said_at_once(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_names(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(zoo, "BASE_URL", "https://nowhere.invalid/")
    monkeypatch.setattr(socket, "getaddrinfo", no_names)
    desk.assert_refused(desk.download(), "nowhere.invalid cannot be found", "no network?")


def test_an_expired_certificate_is_named(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def expired(_: object) -> None:
        error = ssl.SSLCertVerificationError(1, "failed")
        error.verify_message = "certificate has expired"
        raise error

    monkeypatch.setattr(zoo, "BASE_URL", "https://127.0.0.1:1/")
    monkeypatch.setattr(HTTPSConnection, "connect", expired)
    desk.assert_refused(
        desk.download(), "the certificate of 127.0.0.1 is not valid: certificate has expired"
    )


def test_a_file_without_end_is_stopped(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("steadypose.export.weights.download.transfer._MOST", HALF)
    desk.server.usual = serve_chunked
    desk.assert_refused(desk.download(), "does not end")
