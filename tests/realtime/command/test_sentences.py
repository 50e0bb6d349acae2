"""Mistakes and ends of which each is one sentence, and the exit code with it."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from steadypose.engines.errors import (
    EngineError,
    EngineUnavailableError,
    ModelFileError,
    RecordError,
    ShapeError,
    UsageError,
)
from steadypose.engines.options import EngineOptions, RemoteOptions
from steadypose.engines.skeletons.people import COCO17
from steadypose.realtime.command import console, doctor, ending, several
from steadypose.realtime.command.options.command_line import build_parser, to_settings
from steadypose.realtime.command.options.parser import require, run_command
from steadypose.realtime.command.options.values import secret, secret_in, stream_name
from steadypose.realtime.command.output_checks import _check_offline
from steadypose.realtime.command.settings import Settings
from steadypose.realtime.command.stopping.signals import Stop
from steadypose.realtime.datatypes import Pose
from steadypose.realtime.model import zoo
from steadypose.realtime.model.skeletons import skeleton_entry, to_skeleton
from steadypose.realtime.record.parts import Limit, parse_limit
from steadypose.realtime.sources.capture.listing import Camera


def settings_of(*words: str) -> Settings:
    return to_settings(build_parser().parse_args(list(words)), None)


# Options


@pytest.mark.parametrize(
    ("words", "near"),
    [
        (["--save-vido", "x.mp4"], "--save-video"),
        (["--qualty=best"], "--quality"),
        (["--sorce=demo"], "--source"),
        (["--heedless"], "--headless"),
        (["--HEADLESS"], "--headless"),
        (["--cam", "0"], "--camera or --camera-control"),  # begin so
        (["-camera", "0"], "--camera or --camera-control"),
        (["\N{EM DASH}headless"], "--headless"),
        (["--headless", "--csvv", "x.csv"], "--csv"),
    ],
)
def test_a_mistyped_option_is_guessed(words: list[str], near: str) -> None:
    with pytest.raises(UsageError, match="unrecognized arguments") as caught:
        build_parser().parse_args(words)
    fix = caught.value.fix
    assert fix.startswith(f"{near} is what you mean; ")
    assert fix.endswith(" --help lists the options")


@pytest.mark.parametrize("word", ["--zzz", "--c", "-q", "--no-", "--", "-"])
def test_what_is_like_no_option_or_like_many_is_not_guessed(word: str) -> None:
    with pytest.raises(UsageError) as caught:
        build_parser().parse_args([word, "x"])
    assert "what you mean" not in caught.value.fix


# Values


def test_a_stream_has_a_name_that_every_program_can_take() -> None:
    assert stream_name("lab-1.left") == "lab-1.left"
    for wrong in ("", "two words", "a/b", "-x", "x" * 65):
        with pytest.raises(argparse.ArgumentTypeError, match="cannot be the name of a stream"):
            stream_name(wrong)


def test_a_secret_is_named_and_never_typed() -> None:
    assert [secret(where) for where in ("@a/b c", "env:TOKEN_1")] == ["@a/b c", "env:TOKEN_1"]
    for wrong in ("s3cret", "@", "env:", "env:A B", "x@a"):
        with pytest.raises(argparse.ArgumentTypeError, match="give @FILE or env:NAME") as told:
            secret(wrong)
        assert "s3cret" not in str(told.value)


def test_a_secret_is_one_line_of_a_file_or_of_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "token"
    path.write_text("  from file \n")
    monkeypatch.setenv("TOKEN", " from environment\n")
    assert secret_in(f"@{path}") == "from file"
    assert secret_in("env:TOKEN") == "from environment"
    for content in (b"", b" \n", b"two\nlines", b"\x1b[2J", b"\xff\xfe"):
        path.write_bytes(content)
        with pytest.raises(UsageError, match="holds no token"):
            secret_in(f"@{path}")
    for where in (f"@{tmp_path / 'none'}", f"@{tmp_path}", "env:NO_SUCH_TOKEN"):
        with pytest.raises(UsageError, match="holds no token"):
            secret_in(where)


def test_a_certificate_that_is_not_there_is_said_before_anything_is_opened(tmp_path: Path) -> None:
    given = ("--backend", "remote", "--server", "a:1", "--server-ca")
    with pytest.raises(UsageError, match=r"--server-ca .* is no file"):
        settings_of(*given, str(tmp_path))


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("0.9s", "is less than a second"),
        ("0min", "is less than 10 kB|is less than a second"),
        ("9kB", "is less than 10 kB"),
        ("0GB", "is less than 10 kB"),
        ("5 parsecs", "is neither a size nor a time"),
        ("min", "is neither a size nor a time"),
        ("-5min", "is neither a size nor a time"),
    ],
)
def test_a_limit_of_parts_is_a_size_or_a_time_of_some_length(text: str, what: str) -> None:
    with pytest.raises(UsageError, match=what) as told:
        parse_limit(text)
    assert "--split 500MB" in told.value.fix


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        ("1s", Limit(duration_s=1.0)),
        ("90s", Limit(duration_s=90.0)),
        ("1.5min", Limit(duration_s=90.0)),
        (" 2 h ", Limit(duration_s=7200.0)),
        ("10kB", Limit(size_bytes=10_000)),
        ("500MB", Limit(size_bytes=500_000_000)),
        ("0.5gb", Limit(size_bytes=500_000_000)),
    ],
)
def test_a_limit_of_parts_is_what_it_says(text: str, limit: Limit) -> None:
    assert parse_limit(text) == limit


@pytest.mark.parametrize(
    ("words", "what", "fix"),
    [
        (
            ("--csv", "a.csv"),
            "needs raw positions, which a wide CSV does not have",
            "--csv-layout long",
        ),
        ((), "has no recording to smooth", "add --csv out.csv --csv-layout long"),
    ],
)
def test_a_second_pass_says_what_it_can_start_from(
    words: tuple[str, ...], what: str, fix: str
) -> None:
    with pytest.raises(UsageError, match=what) as told:
        _check_offline(settings_of("--source", "demo", *words))
    assert fix in told.value.fix
    _check_offline(settings_of("--source", "demo", "--jsonl", "a.jsonl"))


# What a program gives


def test_a_pose_of_another_length_than_its_skeleton_is_refused() -> None:
    xy, one = np.zeros((17, 2)), np.zeros(17)
    state = np.zeros(17, np.int8)
    assert Pose(xy, one, xy, state, COCO17, 1).person_score == 0.0
    for at, score, raw, states in (
        (xy[:16], one, xy, state),
        (xy, one[:16], xy, state),
        (xy, one, xy[:16], state),
        (xy, one, xy, state[:16]),
    ):
        with pytest.raises(ShapeError, match="xy, raw_xy, score, state are"):
            Pose(at, score, raw, states, COCO17, 1)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"sha256": {}, "models": {"a": [["b"]]}}'])
def test_a_damaged_table_of_networks_is_a_sentence(tmp_path: Path, text: str) -> None:
    path = tmp_path / "published.json"
    path.write_text(text)
    with pytest.raises(ModelFileError, match=r"the table of published models, .* is damaged"):
        zoo.read_table(path)


def test_a_network_of_another_name_is_not_guessed(tmp_path: Path) -> None:
    path = tmp_path / "published.json"
    path.write_text('{"sha256": {}, "models": {"a": [["resnet-lsp-1x2", "50", "b"]]}}')
    with pytest.raises(ModelFileError, match="no name of a model: resnet-lsp-1x2"):
        zoo.read_table(path)


@pytest.mark.parametrize(
    ("table", "what"),
    [
        ({}, "has no 'keypoints'"),
        ({"keypoints": ["a", "b"], "edges": []}, "has no entry 'edges'"),
        ({"keypoints": ["a", "b"], "limbs": [["a", "c"]]}, "cannot be used"),
        ({"keypoints": ["a", "b"], "limbs": [["a"]]}, "cannot be used"),
        ({"keypoints": 3}, "cannot be used"),
        ({"keypoints": ["a", "b"], "limbs": [[0, 2]]}, "a.toml: "),
        ({"keypoints": ["a", "a"]}, "a.toml: "),
    ],
)
def test_a_skeleton_that_contradicts_itself_is_a_sentence(table: dict[str, Any], what: str) -> None:
    with pytest.raises(UsageError, match=what) as told:
        to_skeleton(table, Path("a.toml"))
    assert told.value.what.startswith("a.toml: ")


def test_a_skeleton_may_be_a_name_a_table_or_left_out() -> None:
    here = Path("recipe.toml")
    assert skeleton_entry("coco17", here) is COCO17
    assert skeleton_entry(None, here) is None
    assert skeleton_entry("", here) is None
    made = skeleton_entry({"keypoints": ["left_x", "right_x"], "limbs": [["left_x", 1]]}, here)
    assert made is not None
    assert (made.name, made.limbs, made.flip_pairs) == ("recipe", ((0, 1),), ((0, 1),))


# Ends


def test_a_command_that_is_interrupted_says_that_nothing_was_written(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def interrupted() -> str:
        raise KeyboardInterrupt

    def mistaken() -> str:
        raise UsageError("it is wrong", fix="mend it")

    assert run_command(lambda: ["one", "two"]) == 0
    assert capsys.readouterr().out == "one\ntwo\n"
    assert run_command(mistaken) == 2
    assert capsys.readouterr().err == "error: it is wrong\n  fix: mend it\n"
    assert run_command(interrupted) == 2
    assert capsys.readouterr().err.startswith("error: interrupted; nothing was written\n")


def test_a_run_that_is_interrupted_says_that_all_is_saved(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert console.report(KeyboardInterrupt("SIGTERM")) == 2
    assert "interrupted (SIGTERM); everything recorded so far" in capsys.readouterr().err
    assert console.report(KeyboardInterrupt()) == 2
    assert "interrupted (SIGINT); everything" in capsys.readouterr().err


class Parts:
    """A loop of which each part notes its end, and may fail."""

    def __init__(self, **fails: BaseException) -> None:
        self.fails, self.ended = fails, list[str]()
        self.source = SimpleNamespace(close=self.end("source"), remarks=("2 frames are gone",))
        self.outputs = SimpleNamespace(close=self.end("outputs"))
        self.display = SimpleNamespace(close=self.end("display"))

    def end(self, name: str) -> Callable[[], None]:
        def ending() -> None:
            self.ended.append(name)
            if name in self.fails:
                raise self.fails[name]

        return ending


@pytest.fixture
def _no_summary(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ending, "summary", lambda _app: ["5 frames"])
    monkeypatch.setattr(several, "summary", lambda _app: ["5 frames"])


@pytest.mark.usefixtures("_no_summary")
def test_whatever_fails_everything_is_closed_and_the_first_failure_is_told(
    capsys: pytest.CaptureFixture[str],
) -> None:
    disk, camera = RecordError("full", fix="x"), RecordError("gone", fix="x")
    parts = Parts(outputs=disk, source=camera)
    with pytest.raises(RecordError) as told:
        ending.finish(parts.end("run"), parts, Settings())  # type: ignore[arg-type]
    assert told.value is disk
    assert parts.ended == ["run", "outputs", "source", "display"]
    said = capsys.readouterr()
    assert said.err == "note: 2 frames are gone\n"
    assert said.out == "5 frames\n"


@pytest.mark.usefixtures("_no_summary")
def test_at_the_end_of_a_process_nothing_is_raised_and_a_bug_keeps_its_traceback(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def code(failure: BaseException | None) -> int:
        parts = Parts(run=failure) if failure is not None else Parts()
        stop = SimpleNamespace(check=lambda: None)
        return ending.resume(parts.end("run"), parts, Settings(), stop)  # type: ignore[arg-type]

    assert code(None) == 0
    assert code(RecordError("the disk is full", fix="make room")) == 2
    assert "error: the disk is full" in capsys.readouterr().err
    assert code(KeyboardInterrupt("SIGHUP")) == 2
    assert "interrupted (SIGHUP)" in capsys.readouterr().err
    assert code(ZeroDivisionError("a bug")) == 1
    assert "ZeroDivisionError: a bug" in capsys.readouterr().err


@pytest.mark.usefixtures("_no_summary")
def test_of_several_sources_each_tells_its_failure_and_the_first_ends_the_run(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(several, "run_together", lambda _members, _grid: None)
    members = [
        SimpleNamespace(name=name, app=Parts(), failure=failure)
        for name, failure in (
            ("left", None),
            ("right", RecordError("right is full", fix="x")),
            ("top", RecordError("top is full", fix="x")),
        )
    ]
    closed: list[bool] = []
    grid = SimpleNamespace(close=lambda: closed.append(True))
    with pytest.raises(RecordError, match="right is full"):
        several.finish_together(members, grid, Settings(), [], Stop())  # type: ignore[arg-type]
    said = capsys.readouterr()
    assert said.out == "left: 5 frames\nright: 5 frames\ntop: 5 frames\n"
    assert "note: left: 2 frames are gone" in said.err
    assert "top: top is full" in said.err
    assert "right: right is full" not in said.err, "the caller tells that one"
    assert closed == [True]
    assert all(m.app.ended == ["outputs", "source"] for m in members)


# What the doctor says


def test_the_doctor_says_of_each_backend_why_it_does_not_work_and_what_would_help(
    tiny_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    devices: list[int] = []

    def refuse(_model: Path, *, backend: str, options: EngineOptions) -> object:
        devices.append(options.device)
        raise EngineError(f"{backend} is broken", fix=f"mend {backend}")

    monkeypatch.setattr("steadypose.engines.registry.open_engine", refuse)
    monkeypatch.setattr(doctor, "list_cameras", list)
    told = [line.split(maxsplit=1) for line in doctor.examine(tiny_path)]
    found = [text for name, text in told if name == "backend"]
    for backend in ("tensorrt", "openvino", "onnxruntime"):
        assert f"{backend}: does not work: {backend} is broken; mend {backend}" in found
    assert set(devices) == {0}
    assert not any(text.startswith("remote:") for text in found)
    asked = EngineOptions(remote=RemoteOptions(servers=("gpu:8001",)))
    told_then = "\n".join(doctor.examine(tiny_path, asked=asked))
    assert "remote: does not work: remote is broken; mend remote" in told_then
    assert ["model", "tiny, 64x48, 17 keypoints"] in told


def test_the_doctor_says_which_live_outputs_lack_their_package(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(doctor, "is_here", lambda module: module == "pylsl")
    monkeypatch.setattr(doctor, "_version", lambda package: "1.2" if package == "pylsl" else "-")
    osc, lsl, serve, camera = (line.split(maxsplit=1) for line in doctor._live_lines())
    assert lsl == ["--lsl", "pylsl 1.2"]
    assert osc[1].startswith("does not work: needs the package python-osc, which is not")
    assert "requirements-live.txt" in osc[1] or "steadypose[live]" in osc[1]
    assert serve[1].startswith("does not work: needs the package aiohttp")
    assert camera[1].endswith("pip install pyvirtualcam")


def test_a_missing_package_ends_a_script_with_its_file_and_code_2(
    capsys: pytest.CaptureFixture[str],
) -> None:
    require("numpy", requirements="requirements.txt")
    with pytest.raises(SystemExit) as ended:
        require("numpy", "no_such_package", requirements="requirements-export.txt")
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert "needs no_such_package, not installed" in said
    assert "requirements-export.txt" in said


def test_the_doctor_lists_each_camera_with_its_modes_and_controls(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = [Camera(0, "C920", 200, "/dev/v4l/by-id/x"), Camera(2, "Integrated", 200)]
    monkeypatch.setattr("platform.system", lambda: "Linux")
    monkeypatch.setattr(doctor, "list_cameras", lambda: found)
    monkeypatch.setattr(doctor, "_modes", lambda node: f"modes of {node}")
    control = SimpleNamespace(title="brightness 0 to 255, now 128")
    monkeypatch.setattr(
        doctor, "controls_of", lambda node: [control] if node.name == "video0" else []
    )
    told = doctor.camera_lines()
    assert len(told) == 3
    assert "0  C920  (/dev/v4l/by-id/x): modes of /dev/video0" in told[0]
    assert "brightness 0 to 255, now 128" in told[1]
    assert "2  Integrated: modes of /dev/video2" in told[2]
    monkeypatch.setattr("platform.system", lambda: "Darwin")
    assert [line.split()[-1] for line in doctor.camera_lines()][1] == "Integrated"


def test_the_doctor_says_where_no_camera_can_be_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown() -> list[Camera]:
        raise EngineUnavailableError("names are not known", fix="pip install x")

    monkeypatch.setattr(doctor, "list_cameras", unknown)
    (told,) = doctor.camera_lines()
    assert "names are not known; " in told
    assert told.endswith("pip install x")
    monkeypatch.setattr(doctor, "list_cameras", list)
    (told,) = doctor.camera_lines()
    assert "none: the system lists no camera" in told
