"""Of an address only what cannot be a secret is shown, and it need not be typed."""

from __future__ import annotations

import re
from pathlib import Path

import av
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from steadypose.engines.errors import SourceError, UsageError
from steadypose.realtime.command.doctor import _without_home
from steadypose.realtime.command.options.command_line import build_parser, to_settings
from steadypose.realtime.model.places import ROOT
from steadypose.realtime.sources.address import shown, shown_option, spelled_out
from steadypose.realtime.sources.opening import SourceOptions, open_source
from training.measures.results import command

SECRET = "s3cr3tP4ss"  # noqa: S105
NAMES = "sig X-Amz-Signature jwt loginpas sid token pwd passphrase key auth s".split()  # noqa: SIM905
SHOWN = [
    ("rtsp://cam/1", "rtsp://cam/1"),
    ("rtsp://cam:554/", "rtsp://cam:554/"),
    ("http://[fe80::1]:80/live.m3u8", "http://[fe80::1]:80/live.m3u8"),
    ("udp://@239.0.0.1:1234", "udp://239.0.0.1:1234"),
    ("rtsp://cam/Streaming/Channels/101", "rtsp://cam/***/101"),
    ("rtsp://cam/h264Preview_01_main", "rtsp://cam/h264Preview_01_main"),
    (f"rtsp://me:{SECRET}@cam:554/a?b=c", "rtsp://cam:554/a?***"),
    *((f"rtsp://me:{SECRET}{c}{SECRET}@cam/1", "rtsp://cam/1") for c in "@:=&; "),
    *((f"rtsp://me:{SECRET}{c}{SECRET}@cam/1", "rtsp://***") for c in "#/?"),
    (f"rtsp://cam/1?token={SECRET}@{SECRET}", "rtsp://***"),
    (f"rtsp://cam/live@{SECRET}", "rtsp://***"),
    (f"rtsp://me:{SECRET}", "rtsp://***"),
    (f"rtsp://me {SECRET}/1", "rtsp://***"),
    (f"rtsp://cam/user=me_password={SECRET}_channel=1", "rtsp://cam/***"),
    (f"rtsp://cam/1;jsessionid={SECRET}", "rtsp://cam/***"),
    (f"rtsp://cam/{SECRET}/1", "rtsp://cam/***/1"),
    (f"rtmp://live/app/{SECRET}", "rtmp://live/***/***"),
    ("https://live/hls/a1b2c3d4e5f6a7b8.m3u8", "https://live/***/***"),
    ("https://live/dGhpc2lzYWxvbmdzdHJlYW1rZXk.m3u8", "https://live/***"),
    (f"http://cam/v.mjpg#{SECRET}", "http://cam/v.mjpg#***"),
    (f"http://cam/v.mjpg?{SECRET}", "http://cam/v.mjpg?***"),
    (f"http://cam?{SECRET}", "http://cam?***"),
    (f"me:{SECRET}@rtsp://cam/1", "***"),
    *(
        (f"https://cam/v.mp4?a=1&{name}={SECRET}", "https://cam/v.mp4?***")
        for name in [
            "sig",
            "X-Amz-Signature",
            "jwt",
            "loginpas",
            "sid",
            "token",
            "pwd",
            "passphrase",
            "key",
            "auth",
            "s",
        ]
    ),
    ("no address, pass=word", "no address, pass=word"),
]


@pytest.mark.parametrize(("text", "expected"), SHOWN)
def test_a_secret_never_reaches_the_screen(text: str, expected: str) -> None:
    assert shown(text) == expected
    assert shown_option(f"--source={text}") == f"--source={expected}" or "://" not in text[:9]
    assert SECRET not in shown_option(text) + shown_option(f"--source={text}")


# Letters that stand nowhere else in an address, with what users do not escape.
secrets = st.text("XYZQ789@:/?#=&;%_-. \u00e9", min_size=4, max_size=20).filter(
    lambda text: any(c in "XYZQ" for c in text)
)
forms = st.sampled_from(
    [
        "rtsp://{}:{}@cam.lan:554/ch1",
        "rtsp://{}@cam.lan/ch1",
        "http://cam.lan/v.mjpg?a={}&b={}",
        "http://cam.lan/v.mjpg?{}",
        "http://cam.lan/v.mjpg#{}",
        "rtsp://cam.lan/{}/{}/ch1",
        "rtsp://cam.lan/user={}_password={}",
        "srt://cam.lan:1?streamid={}&passphrase={}",
        "rtsp://u:{}@cam.lan/ch1?token={}#{}",
        "rtmp://live.lan/app/{}",
    ]
)


@given(forms, secrets, secrets)
@example("rtsp://cam.lan/{}/{}/ch1", "Q?", "/X@")
@example("rtsp://cam.lan/user={}_password={}", "777Q", "77/Q")
def test_no_piece_of_a_secret_survives(form: str, one: str, other: str) -> None:
    text = form.format(one, other, one)
    found = shown_option(f"--source={text}")
    left = found.removeprefix("--source=").replace("***", "")
    assert not set(left) & set("XYZQ\u00e9"), found
    for known in ("rtsp:", "http:", "srt:", "rtmp:", "//", "cam.lan", "live.lan", ":554", ":1"):
        left = left.replace(known, "")
    assert left.strip("/?#") in {"", "ch1", "v.mjpg"}, found


def test_every_place_that_names_an_address_shows_this_form(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sentence, its fix, and what is suggested to paste."""

    def refuse(*_: object, **__: object) -> object:
        raise av.error.TimeoutError(110, "timed out", f"rtsp://me:{SECRET}@cam")

    monkeypatch.setattr(av, "open", refuse)
    url = f"rtsp://me:{SECRET}@cam/{SECRET}/$(touch x)?sig={SECRET}"
    for address in (url, url.replace("rtsp", "gopher"), url.replace("rtsp", "file")):
        with pytest.raises((SourceError, UsageError)) as caught:
            open_source(SourceOptions(address))
        assert SECRET not in str(caught.value)
        assert "touch" not in str(caught.value)
    assert "ffprobe 'rtsp://cam/***/***?***'" in camera_fix(url)


def camera_fix(url: str) -> str:
    with pytest.raises(SourceError) as caught:
        open_source(SourceOptions(url))
    return caught.value.fix


def test_an_address_without_its_scheme_is_not_repeated() -> None:
    with pytest.raises(SourceError, match="scheme") as caught:
        open_source(SourceOptions(f"me:{SECRET}@cam:554/1"))
    assert SECRET not in str(caught.value)


def source_of(*typed: str) -> str:
    return to_settings(build_parser().parse_args(typed), None).source.text


def test_an_address_can_come_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "door.txt"
    file.write_text(f"  rtsp://me:{SECRET}@cam/1 \nnot this\n")
    assert source_of("--source", f"@{file}") == f"rtsp://me:{SECRET}@cam/1"
    assert shown_option(f"@{file}") == "door.txt"


def test_an_address_can_come_from_a_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOOR", f"rtsp://me:{SECRET}@cam/1")
    assert source_of("--source", "env:DOOR") == f"rtsp://me:{SECRET}@cam/1"
    assert shown_option("env:DOOR") == "env:DOOR"


def test_what_is_no_address_is_not_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mistyped file may hold other secrets."""
    monkeypatch.setenv("DOOR", SECRET)
    contents = [SECRET.encode(), b"", b"\xff\xfe\xff", f"rtsp://{SECRET}\x1b[2J".encode()]
    for index, content in enumerate(contents):
        (tmp_path / str(index)).write_bytes(content)
    missing = [f"@{tmp_path / '9'}", f"@{tmp_path}", "@", "env:", "env:NO_SUCH_VARIABLE_HERE"]
    for text in ["env:DOOR", *(f"@{tmp_path / str(i)}" for i in range(len(contents))), *missing]:
        with pytest.raises(UsageError) as caught:
            spelled_out(text)
        assert SECRET not in str(caught.value)


def test_a_film_with_such_a_name_is_still_a_film(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("@home.mp4", "env:1.mp4"):
        Path(name).touch()
        assert spelled_out(name) == name


def test_options_name_files_without_their_folders() -> None:
    typed = ["--csv", "/home/anna/p17/a.csv", "--jsonl=/home/anna/b.jsonl", "../c/d.mp4", "x.mp4"]
    assert [shown_option(text) for text in typed] == [
        *("--csv", "a.csv", "--jsonl=b.jsonl", "d.mp4", "x.mp4")
    ]
    assert shown_option("/dev/video0") == "/dev/video0"


@pytest.mark.parametrize(
    "script",
    ["export/export_onnx.py", "export/wrap_onnx.py", "export/quantize.py", "training/evaluate.py"],
)
def test_no_command_prints_a_source_as_it_was_typed(script: str) -> None:
    text = (ROOT / script).read_text(encoding="utf-8")
    assert not re.search(r"\{arguments\.(check_)?source\}", text)


def test_a_result_does_not_repeat_a_typed_secret() -> None:
    assert SECRET not in command(["--source", f"rtsp://me:{SECRET}@cam/{SECRET}/1?k={SECRET}"])


def test_the_doctor_does_not_tell_the_users_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "anna"
    monkeypatch.setattr(Path, "home", lambda: home)
    assert _without_home(f"model {home}/x.onnx is not here") == "model ~/x.onnx is not here"
    monkeypatch.setattr(Path, "home", lambda: Path("/"))
    assert _without_home("a/b") == "a/b"
