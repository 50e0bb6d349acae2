"""Downloads against a server that misbehaves: a sentence each, and never half a file."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import http.client
import io
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from email.message import Message
from pathlib import Path
from typing import NamedTuple
from urllib.error import HTTPError
from urllib.request import Request as WebRequest

import pytest

from engines.errors import SourceError
from export.download import web
from export.download.fetch import fetch, part_of
from export.download.progress import ProgressLine
from export.download.transfer import Patience
from export.download_weights import main
from realtime import zoo
from realtime.settings import ROOT
from tests.unit.file_server import (
    FileServer,
    break_after,
    fail,
    hang_until,
    model_of,
    page,
    redirect,
    serve,
    serve_chunked,
    serve_whole,
    tiny_weights,
    wrong_range,
)

QUICK = Patience(timeout_s=0.3, retries=2, pause_s=0.01, longest_pause_s=0.05)
DATA = tiny_weights()
HALF = len(DATA) // 2


class Outcome(NamedTuple):
    """What a user sees of a command."""

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
        """Files in the cache that are not the lock."""
        found = self.cache.iterdir() if self.cache.exists() else ()
        return {path.name for path in found if not path.name.endswith(".lock")}

    def assert_good(self, outcome: Outcome) -> None:
        assert outcome.code == 0, outcome.err
        assert str(self.target) in outcome.out
        assert self.left() == {self.target.name}
        assert self.target.read_bytes() == DATA

    def assert_refused(self, outcome: Outcome, *sentences: str, kept: int = 0) -> None:
        """Exit code 2, a fact and a fix, and nothing under the final name."""
        assert (outcome.code, outcome.out) == (2, "")
        for sentence in sentences:
            assert sentence in outcome.err
        assert outcome.err.count("error: ") == outcome.err.count("  fix: ") == 1
        assert self.left() == ({self.part.name} if kept else set())
        if kept:
            assert self.part.read_bytes() == DATA[:kept]


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FileServer]:
    """In the place of the real one, which no test may reach."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "STEADYPOSE_MIRRORS"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    with FileServer().running() as running:
        monkeypatch.setattr(zoo, "BASE_URL", running.url)
        yield running


@pytest.fixture
def desk(
    server: FileServer,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Desk:
    made = Desk(server, tmp_path, capsys)
    monkeypatch.setitem(zoo.MODELS, made.model.name, made.model)
    return made


def nobody() -> str:
    """The address of a server that is not there."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}/"


@pytest.mark.parametrize("way", [serve, serve_whole, serve_chunked])
def test_a_good_file_arrives(desk: Desk, way: Callable[..., None]) -> None:
    desk.server.usual = way
    outcome = desk.download()
    desk.assert_good(outcome)
    assert f"SHA-256 begins with {desk.model.hash_prefix}" in outcome.out
    assert outcome.err == ""
    assert len(desk.server.asked) == 1


def test_what_is_there_already_is_not_asked_for_again(desk: Desk) -> None:
    desk.put(desk.target, DATA)
    desk.assert_good(desk.download())
    assert desk.server.asked == []


def test_a_damaged_file_in_the_cache_is_noticed_and_replaced(desk: Desk) -> None:
    desk.put(desk.target, DATA[:-1] + b"?")
    outcome = desk.download()
    desk.assert_good(outcome)
    assert "is damaged and will be downloaded again" in outcome.err


def test_a_damaged_file_does_not_survive_a_failed_download(desk: Desk) -> None:
    desk.put(desk.target, DATA[:-1] + b"?")
    desk.server.usual = fail(404)
    desk.assert_refused(desk.download(), "does not exist on that server (404)")


def test_another_content_is_refused_and_not_kept(desk: Desk) -> None:
    desk.server.files["/" + desk.model.path] = tiny_weights(seed=1)
    digest = hashlib.sha256(tiny_weights(seed=1)).hexdigest()[:8]
    outcome = desk.download()
    desk.assert_refused(
        outcome, "sent another file", f"begins with {digest}", f"promises {desk.model.hash_prefix}"
    )
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
    monkeypatch.setattr("export.download.transfer._STEP", 10_000)

    desk.server.usual = functools.partial(serve, at_most=10_000)
    desk.assert_good(desk.download())
    assert len(desk.server.asked) == len(DATA) // 10_000


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


def test_redirects_in_circles_end(desk: Desk) -> None:
    desk.server.usual = redirect(desk.server.url + desk.model.path)
    desk.assert_refused(desk.download(), "redirects to where we do not follow", "infinite loop")


def test_a_redirect_from_https_down_to_http_is_refused() -> None:
    asked = WebRequest("https://a.example/x")
    with pytest.raises(HTTPError, match="redirect down to http://a") as caught:
        web._SafeRedirects().redirect_request(
            asked, io.BytesIO(), 302, "Found", Message(), "http://a.example/y"
        )
    caught.value.close()
    same = web._SafeRedirects().redirect_request(
        asked, io.BytesIO(), 302, "Found", Message(), "https://b.example/y"
    )
    assert same is not None
    assert same.full_url == "https://b.example/y"


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
    monkeypatch.setattr("export.download.transfer.time.sleep", slept.append)
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
    monkeypatch.setattr(http.client.HTTPSConnection, "connect", expired)
    desk.assert_refused(
        desk.download(), "the certificate of 127.0.0.1 is not valid: certificate has expired"
    )


def test_too_little_space_is_said_before_anything_is_written(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil._ntuple_diskusage(10**6, 10**6 - 5000, 5000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    desk.assert_refused(desk.download(), "no space for", "0.0 MB free, 0.1 MB are to come")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 KiB, where this user may make one."""
    folder = tmp_path / "small"
    folder.mkdir()
    try:
        subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)],
            check=True,
            capture_output=True,
        )
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("mounting needs root; the test of the file size limit stands in")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.parametrize(
    ("way", "sentence"), [(serve, "no space for"), (serve_chunked, "No space left on device")]
)
def test_a_full_disk_is_a_sentence(
    desk: Desk, small_disk: Path, way: Callable[..., None], sentence: str
) -> None:
    desk.server.usual = way
    desk.cache = small_disk
    outcome = desk.download()
    assert outcome.code == 2
    assert sentence in outcome.err
    assert "  fix: free space, or choose another folder" in outcome.err
    assert desk.left() <= {desk.part.name}
    assert len(desk.server.asked) == 1


def test_a_disk_that_refuses_in_the_middle_is_a_sentence(desk: Desk) -> None:
    """The kernel's limit on the size of a file stands in for a full disk."""
    resource = pytest.importorskip("resource", reason="Windows has no such limit")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (HALF, before[1]))
    try:
        outcome = desk.download()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    desk.assert_refused(outcome, "cannot write", "File too large", "free space", kept=HALF)
    desk.assert_good(desk.download())
    assert desk.server.asked[-1][1] == f"bytes={HALF}-"


def test_a_cache_that_cannot_be_made_is_a_sentence(desk: Desk) -> None:
    file = desk.cache.parent / "file"
    file.touch()
    for cache in (file / "below", Path("x" * 300)):
        desk.cache = cache
        outcome = desk.download()
        assert outcome.code == 2
        assert "error: cannot " in outcome.err
        assert str(cache) in outcome.err
    assert desk.server.asked == []


def test_a_file_without_end_is_stopped(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("export.download.transfer._MOST", HALF)
    desk.server.usual = serve_chunked
    desk.assert_refused(desk.download(), "does not end")


@pytest.fixture
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def touched(*_: object, **__: object) -> None:
        pytest.fail("the network was touched")

    monkeypatch.setattr(socket.socket, "connect", touched)
    monkeypatch.setattr(socket, "getaddrinfo", touched)


@pytest.mark.usefixtures("_no_network")
def test_offline_never_touches_the_network(desk: Desk) -> None:
    desk.put(desk.part, DATA[:HALF])
    outcome = desk.download("--offline")
    desk.assert_refused(outcome, f"are not in {desk.cache}", "--weights", kept=HALF)
    desk.part.unlink()
    desk.put(desk.target, DATA)
    desk.assert_good(desk.download("--offline"))
    desk.target.write_bytes(DATA[:HALF])
    outcome = desk.download("--offline")
    assert outcome.code == 2
    assert f"{desk.target} is damaged" in outcome.err
    assert desk.server.asked == []


@pytest.mark.usefixtures("_no_network")
def test_the_guard_of_the_offline_tests_bites(desk: Desk) -> None:
    with pytest.raises(pytest.fail.Exception, match="the network was touched"):
        desk.download()


def test_mirrors_are_asked_in_order_and_then_the_origin(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    with FileServer().running() as second:
        second.usual = fail(404)
        monkeypatch.setenv("STEADYPOSE_MIRRORS", second.url + "deep/")
        dead = nobody()
        outcome = desk.download("--mirror", dead)
    desk.assert_good(outcome)
    assert second.asked == [(f"/deep/{desk.model.path}", None)]
    assert outcome.err.index("no server answers") < outcome.err.index("does not exist")


def test_a_part_goes_on_at_the_next_mirror(desk: Desk) -> None:
    with FileServer().running() as first:
        first.add(DATA)
        first.usual = break_after(HALF)
        desk.assert_good(desk.download("--mirror", first.url))
    assert desk.server.asked == [("/" + desk.model.path, f"bytes={HALF}-")]


def test_a_mirror_with_another_file_does_not_win(desk: Desk) -> None:
    with FileServer().running() as first:
        first.files["/" + desk.model.path] = tiny_weights(seed=1)
        outcome = desk.download("--mirror", first.url)
    desk.assert_good(outcome)
    assert "sent another file" in outcome.err
    assert [span for _, span in desk.server.asked] == [None]


def test_when_all_fail_each_is_named(desk: Desk) -> None:
    desk.server.usual = fail(404)
    dead = nobody()
    desk.assert_refused(desk.download("--mirror", dead), "no server answers", desk.model.url)


def test_a_file_that_was_brought_is_checked_and_copied(desk: Desk, tmp_path: Path) -> None:
    brought = tmp_path / "from a stick.bin"
    brought.write_bytes(DATA)
    desk.assert_good(desk.download("--weights", str(brought)))
    assert brought.read_bytes() == DATA
    desk.assert_good(desk.download("--weights", str(desk.target)))
    assert desk.server.asked == []


@pytest.mark.parametrize(
    ("name", "data", "sentence"),
    [
        ("OWN", DATA[:-1], "is damaged: its SHA-256 begins with"),
        ("mine.pth", tiny_weights(seed=2), "is not tiny_coco_64x32-"),
        ("mine.pth", tiny_weights(seed=3), "holds other-coco-64x32, not tiny-coco-64x32"),
        ("mine.pth", None, "mine.pth does not exist"),
        ("", None, "cannot read"),
    ],
)
def test_a_brought_file_that_does_not_fit_is_not_copied(
    desk: Desk,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    data: bytes | None,
    sentence: str,
) -> None:
    other = model_of(tiny_weights(seed=3), name="other-coco-64x32")
    monkeypatch.setitem(zoo.MODELS, other.name, other)
    path = tmp_path / (desk.model.file_name if name == "OWN" else name)
    if data is not None:
        path.write_bytes(data)
    desk.assert_refused(desk.download("--weights", str(path)), sentence)


CHILD = """
import sys
from pathlib import Path
from export.download_weights import main
from realtime import zoo
from tests.unit.file_server import model_of, tiny_weights
zoo.BASE_URL = sys.argv[1]
model = model_of(tiny_weights())
zoo.MODELS[model.name] = model
sys.exit(main([model.name, "--cache", sys.argv[2]]))
"""


def start_child(desk: Desk) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", CHILD, desk.server.url, str(desk.cache)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "no_proxy": "127.0.0.1"},
    )


@pytest.mark.slow
def test_ctrl_c_keeps_the_part_and_says_so(desk: Desk) -> None:
    released = threading.Event()
    desk.server.answers = [hang_until(released, after=HALF)]
    with start_child(desk) as child:
        deadline = time.monotonic() + 60
        while not (desk.part.exists() and desk.part.stat().st_size):
            assert time.monotonic() < deadline
            assert child.poll() is None
            time.sleep(0.02)
        child.send_signal(signal.SIGINT)
        out, err = child.communicate(timeout=60)
    released.set()
    assert err.startswith("error: stopped by Ctrl-C; 0.1 MB of")
    assert "  fix: run the same command again" in err
    desk.assert_refused(Outcome(child.returncode, out, err), kept=HALF)
    desk.assert_good(desk.download())
    assert desk.server.asked[-1][1] == f"bytes={HALF}-"


@pytest.mark.slow
def test_two_processes_download_it_once(desk: Desk) -> None:
    released = threading.Event()
    desk.server.answers = [hang_until(released, after=HALF)]
    with start_child(desk) as first:
        while not desk.server.asked:
            assert first.poll() is None
            time.sleep(0.02)
        with start_child(desk) as second:
            assert second.stderr is not None
            assert second.stderr.readline() == "note: another process downloads it; waiting\n"
            released.set()
            second_out, _ = second.communicate(timeout=60)
        first_out, first_err = first.communicate(timeout=60)
    assert (first.returncode, second.returncode, first_err) == (0, 0, "")
    assert first_out == second_out
    assert len(desk.server.asked) == 1
    desk.assert_good(Outcome(0, first_out, ""))


def test_the_next_step_is_told_where_there_is_one(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "next:" not in desk.download().out  # the export looks in the user's cache
    monkeypatch.setenv("STEADYPOSE_CACHE", str(desk.cache))
    outcome = desk.download()
    assert outcome.out.endswith("next: python export/export_onnx.py --model tiny-coco-64x32\n")
    unknown = dataclasses.replace(desk.model, network="")
    monkeypatch.setitem(zoo.MODELS, unknown.name, unknown)
    assert "next: export it to ONNX where it comes from" in desk.download().out


def test_the_function_needs_no_command_line(desk: Desk) -> None:
    assert fetch(desk.model, folder=desk.cache) == desk.target
    with pytest.raises(SourceError, match="are not in"):
        fetch(desk.model, folder=desk.cache / "other", offline=True)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "no model is named"),
        (["res50-coco-256x129"], "nearest: res50-coco-256x192"),
        (["res50-coco-256x192", "--cash", "x"], "unrecognized arguments: --cash x"),
        (["res50-coco-256x192", "more"], "unrecognized arguments: more"),
        (["res50-coco-256x192", "--mirror"], "expected one argument"),
        (["res50-coco-256x192", "--mirror", "file:///etc"], "mirror 'file:///etc' is not"),
    ],
)
def test_a_mistake_is_one_sentence_with_a_fix(
    arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert sentence in err
    assert err.startswith("error: ")
    assert "\n  fix: " in err


@pytest.mark.parametrize("flag", ["--list", "--list-models"])
def test_the_list_says_what_is_there(desk: Desk, flag: str) -> None:
    desk.put(desk.target, DATA)
    outcome = desk.download(flag)
    assert outcome.code == 0
    lines = {line.split()[0]: line for line in outcome.out.splitlines()}
    assert lines.keys() == zoo.MODELS.keys()
    assert lines["tiny-coco-64x32"].endswith("in the cache")
    assert "AP 0.718" in lines["res50-coco-256x192"]
    assert lines["vitpose-base-coco-256x192"].endswith("export it elsewhere")


class Terminal(io.StringIO):
    """A stream that says it is one."""

    def isatty(self) -> bool:
        return True


def test_the_progress_line_is_redrawn_at_most_ten_times_a_second() -> None:
    stream = Terminal()
    line = ProgressLine(stream, "x")
    started = time.perf_counter()
    for done in range(1000):
        line.advance(done * 1000, 1_000_000)
    took_s = time.perf_counter() - started
    line.advance(1_000_000, 1_000_000)
    line.note("well")
    line.end()
    drawn = stream.getvalue().split("\r")
    assert len(drawn) - 2 <= 1 + took_s * 10
    assert drawn[-1].startswith("x: 1.0 of 1.0 MB, 100%")
    assert stream.getvalue().endswith("\nnote: well\n")


def test_without_a_terminal_there_is_no_progress_line() -> None:
    stream = io.StringIO()
    line = ProgressLine(stream, "x")
    line.advance(1, 2)
    line.end()
    assert stream.getvalue() == ""


def test_nothing_here_loads_torch() -> None:
    code = "import sys, export.download_weights; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, cwd=ROOT).returncode == 0
