"""The download command, its cache and its disk: a sentence each, and never half a file."""

from __future__ import annotations

import dataclasses
import errno
import hashlib
import io
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from steadypose.engines.errors import ModelFileError, SourceError, UsageError
from steadypose.export.download_weights import main
from steadypose.export.weights.download.addresses import urls
from steadypose.export.weights.download.checked_files import is_whole
from steadypose.export.weights.download.fetch import fetch
from steadypose.export.weights.download.progress import ProgressLine
from steadypose.realtime.model import zoo
from steadypose.realtime.model.places import ROOT
from tests.support.file_server import (
    DATA,
    HALF,
    Desk,
    FileServer,
    Outcome,
    break_after,
    fail,
    hang_until,
    model_of,
    nobody,
    serve,
    serve_chunked,
    tiny_weights,
)


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
    desk.cache = small_disk / "mine"  # a fresh disk is open to all
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


def test_mirrors_come_first_in_their_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STEADYPOSE_MIRRORS", raising=False)
    model = zoo.find("res50-coco-256x192")
    assert urls(model) == [model.url]
    monkeypatch.setenv("STEADYPOSE_MIRRORS", "https://c:81/x https://d \n")
    assert urls(model, ["https://a.example/", "http://[::1]:80/b"]) == [
        f"https://a.example/{model.path}",
        f"http://[::1]:80/b/{model.path}",
        f"https://c:81/x/{model.path}",
        f"https://d/{model.path}",
        model.url,
    ]


@pytest.mark.parametrize(
    "mirror",
    [
        *("ftp://a/b", "file:///etc", "a.example/b", "", "http://", "http://a:x/", "http://[::1/"),
        *("http://user:word@a/", "http://a/?q=1", "https://a b/c", "http://\u00e4/", "http://a\n/"),
        *("http://a..b/", "http://.a/", f"https://{'x' * 64}.example/", "http://a:99999/"),
    ],
)
def test_a_mirror_that_is_no_web_address_is_refused(mirror: str) -> None:
    with pytest.raises(UsageError, match="is not a plain http or https URL"):
        urls(zoo.find("res50-coco-256x192"), [mirror])


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
    desk.assert_good(desk.download("--weights", str(desk.target), "--offline"))
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


def test_what_cannot_be_checked_is_an_error_of_ours(desk: Desk, tmp_path: Path) -> None:
    odd = [tmp_path, tmp_path / ("x" * 300), tmp_path / "a\0b"]
    if hasattr(os, "mkfifo"):
        odd.append(tmp_path / "pipe")
        os.mkfifo(odd[-1])  # opening it would wait for a writer
    for path in odd:
        with pytest.raises(ModelFileError, match="cannot read"):
            is_whole(path, desk.model, folder=desk.cache)
    for path in (tmp_path / "nothing", tmp_path / "no" / "folder"):
        assert not is_whole(path, desk.model, folder=desk.cache)


CHILD = """
import sys
from pathlib import Path
from steadypose.export.download_weights import main
from steadypose.realtime.model import zoo
from tests.support.file_server import model_of, tiny_weights
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
@pytest.mark.posix("signals to another process")
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


@pytest.mark.parametrize("reason", [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL])
def test_where_nothing_can_be_locked_it_is_downloaded_all_the_same(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, reason: int
) -> None:
    fcntl = pytest.importorskip("fcntl", reason="Windows has other locks")

    def refuse(*_: object) -> None:
        raise OSError(reason, os.strerror(reason))

    monkeypatch.setattr(fcntl, "flock", refuse)
    outcome = desk.download()
    desk.assert_good(outcome)
    assert outcome.err == ""


def test_the_next_step_is_told_where_there_is_one(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "next:" not in desk.download().out  # the export looks in the user's cache
    monkeypatch.setenv("STEADYPOSE_CACHE", str(desk.cache))
    outcome = desk.download()
    assert outcome.out.endswith("next: python export/export_onnx.py --model tiny-coco-64x32\n")
    outcome = desk.download("--no-hint")
    desk.assert_good(outcome)
    assert "next:" not in outcome.out
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
        (["--list", "res50-coco-256x192"], "NAME cannot go with --list"),
        (["--list", "--weights", "x"], "--weights cannot go with --list"),
        (["--list", "--mirror", "http://a/"], "--mirror cannot go with --list"),
        (["x", "--weights", "x", "--mirror", "http://a/"], "--mirror cannot go with --weights"),
        (["x", "--offline", "--mirror", "http://a/"], "--mirror cannot go with --offline"),
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
def test_the_list_says_what_is_there(
    desk: Desk, flag: str, capsys: pytest.CaptureFixture[str]
) -> None:
    desk.put(desk.target, DATA)
    assert main([flag, "--offline", "--no-hint", "--cache", str(desk.cache)]) == 0
    rows, _, notes = capsys.readouterr().out.partition("\n\n")
    lines = {line.split()[0]: line for line in rows.splitlines()[1:]}
    assert lines.keys() == zoo.MODELS.keys()
    assert lines["tiny-coco-64x32"].endswith("weights")
    assert f"weights in {desk.cache}" in notes
    assert "AP 0.718" in lines["res50-coco-256x192"]
    assert lines["vitpose-base-coco-256x192"].endswith("(to be exported elsewhere and wrapped)")


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
    assert drawn[-1].startswith("x: 100%")
    assert "1.00M/1.00M" in drawn[-1]
    assert stream.getvalue().endswith("\nnote: well\n")


def test_without_a_terminal_there_is_no_progress_line() -> None:
    stream = io.StringIO()
    line = ProgressLine(stream, "x")
    line.advance(1, 2)
    line.end()
    assert stream.getvalue() == ""


def test_nothing_here_loads_torch() -> None:
    code = "import sys, steadypose.export.download_weights; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, cwd=ROOT).returncode == 0
