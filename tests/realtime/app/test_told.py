"""What a run tells while it works: progress, and what the doctor found."""

from __future__ import annotations

import io
import json
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from steadypose.engines.backends.fake_engine import FAKE_SPEC, FakeEngine
from steadypose.engines.errors import SourceError
from steadypose.realtime import cli
from steadypose.realtime.command import assembly, console, doctor
from steadypose.realtime.command.settings import Settings
from steadypose.realtime.command.stopping.signals import Stop
from steadypose.realtime.record.formats.tables import Table, find_table
from steadypose.realtime.sources.opening import SourceOptions
from tests.realtime.app.test_loop import gray_source
from tests.support.following import person


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def open_terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """Called within the test: pytest sets its own stderr when a test begins."""
    found = Terminal()
    monkeypatch.setattr(sys, "stderr", found)
    return found


def bars(terminal: Terminal) -> list[str]:
    """What stood on the line of the progress bar, one after another."""
    texts = [part.split("\n")[0].strip() for part in terminal.getvalue().split("\r")]
    return [text for text in texts if " frames, " in text]


def demo(frames: int) -> Settings:
    return replace(Settings(), source=SourceOptions("demo"), is_headless=True, max_frames=frames)


def test_a_file_shows_its_progress(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = open_terminal(monkeypatch)
    assert cli._run_with(FakeEngine(), demo(6), []) == 0
    assert bars(terminal)[0].startswith(f"[{'#' * 5}{'.' * 25}] 1/6 frames, ")
    # The bar is taken away before the summary.
    assert terminal.getvalue().endswith(f"\r{'':<78}\r")


def test_a_camera_has_no_end_and_so_no_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    source = gray_source(6)
    monkeypatch.setattr(source, "is_live", True)
    monkeypatch.setattr(cli, "open_beside", lambda _window, _options: source)
    terminal = open_terminal(monkeypatch)
    assert cli._run_with(FakeEngine(), demo(6), []) == 0
    assert "source: gray" in terminal.getvalue()
    assert bars(terminal) == []


def test_nothing_is_drawn_where_nobody_watches(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli._run_with(FakeEngine(), demo(3), []) == 0
    told = capsys.readouterr()
    assert "frames, " not in told.err
    assert "\r" not in told.err
    assert told.out.startswith("3 frames")


def test_the_bar_says_rate_and_time_left(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = open_terminal(monkeypatch)
    now_s = [50.0]
    monkeypatch.setattr(console, "time", SimpleNamespace(perf_counter=lambda: now_s[0]))
    show, count = console.progress_printer(300), console.progress_printer(None)
    assert show is not None
    assert count is not None
    now_s[0] = 54.0
    show(100)
    count(100)
    assert bars(terminal) == [
        f"[{'#' * 10}{'.' * 20}] 100/300 frames, 25 fps, 8 s left",
        "100 frames, 25 fps",
    ]


@pytest.mark.parametrize(
    ("decoder", "is_told"), [("argmax", False), ("coordinates", True), ("coordinates-x", True)]
)
def test_of_a_network_without_scores_it_is_told_that_somebody_seems_to_be_there_always(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], decoder: str, *,
    is_told: bool,
) -> None:  # fmt: skip
    engine = FakeEngine(replace(FAKE_SPEC, decoder=decoder))
    opened = SimpleNamespace(engine=engine, open_s=0.0, passed_over=())
    taken = SimpleNamespace(opened=opened, reason="", model=Path("made-up.onnx"))
    monkeypatch.setattr(cli, "open_for", lambda _settings: taken)
    monkeypatch.setattr(cli, "_with_successors", lambda _taken, _settings: engine)
    assert cli.run(demo(1), Stop()) == 0
    said = "so every frame appears to contain a person" in capsys.readouterr().err
    assert said == is_told


def test_the_doctor_names_what_the_processor_can(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    info = tmp_path / "cpuinfo"
    monkeypatch.setattr(doctor, "Path", lambda _name: info)
    assert doctor._cpu_features() == "features unknown on this system"
    info.write_text("flags : fpu avx2 sse4_2 amx_int8 avx512fx\n")
    assert doctor._cpu_features() == "avx2 amx_int8"
    info.write_text("flags : fpu\n")
    assert doctor._cpu_features() == "no vector extensions"


@pytest.mark.posix("a shell script stands for v4l2-ctl")
def test_the_doctor_names_a_cameras_sizes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = tmp_path / "v4l2-ctl"
    script.write_text(
        "#!/bin/sh\n"
        "echo \"[0]: 'MJPG' (Motion-JPEG)\"\n"
        "echo '  Size: Discrete 640x480'\necho '  Size: Discrete 1280x720'\n"
        "echo \"[1]: 'YUYV' (YUYV 4:2:2)\"\necho '  Size: Discrete 640x480'\n"
    )
    script.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert doctor._modes("/dev/video0") == "MJPG 640x480 1280x720; YUYV 640x480"
    script.write_text(script.read_text() + "exit 1\n")  # as where it cannot tell all it is asked
    assert doctor._modes("/dev/video0") == "MJPG 640x480 1280x720; YUYV 640x480"


def test_the_doctor_names_only_video_that_works(monkeypatch: pytest.MonkeyPatch) -> None:
    registry = cv2.videoio_registry
    monkeypatch.setattr(registry, "getBackends", lambda: [cv2.CAP_FFMPEG, cv2.CAP_GSTREAMER])
    for is_there in (False, True):
        known = {cv2.CAP_FFMPEG, cv2.CAP_GSTREAMER} if is_there else {cv2.CAP_FFMPEG}
        monkeypatch.setattr(registry, "hasBackend", known.__contains__)
        assert ("GSTREAMER" in doctor._video_backends()) == is_there
        assert "FFMPEG" in doctor._video_backends()


@pytest.mark.parametrize("is_smoothed", [False, True])
def test_a_recording_gets_its_second_pass_when_that_was_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], *, is_smoothed: bool
) -> None:
    h, w = FAKE_SPEC.input_hw
    pose = person(w / 2, height=0.75 * h, floor=0.85 * h, score=0.9).astype(np.float32)
    engine = FakeEngine(answer=lambda crops: np.repeat(pose[None], len(crops), 0))
    path = tmp_path / "out.jsonl"
    tables = (Table(find_table("jsonl"), path),)
    settings = replace(demo(6), tables=tables, is_offline_smoothed=is_smoothed)
    assert cli._run_with(engine, settings, []) == 0
    assert (f"second pass: {path} (" in capsys.readouterr().err) == is_smoothed


def test_the_doctor_says_that_there_is_no_camera(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "list_cameras", list)
    (line,) = doctor.camera_lines()
    assert line.startswith("cameras")
    assert "lists no camera" in line


@pytest.mark.parametrize("name", ["off", "balanced"])
def test_the_sidecar_names_the_filter_or_that_there_was_none(tmp_path: Path, name: str) -> None:
    tables = (Table(find_table("jsonl"), tmp_path / "out.jsonl"),)
    settings = replace(demo(3), tables=tables, smoother=name)
    assert cli._run_with(FakeEngine(), settings, []) == 0
    told = json.loads((tmp_path / "out.meta.json").read_text())["smoothing"]
    assert (told == {"name": "off", "second_pass": False}) == (name == "off")
    assert (told["name"] == "balanced") == (name == "balanced")


def test_what_fails_before_the_run_leaves_nothing_open(monkeypatch: pytest.MonkeyPatch) -> None:
    source = gray_source(3)
    closed: list[str] = []
    monkeypatch.setattr(source, "close", lambda: closed.append("source"))
    monkeypatch.setattr(cli, "open_beside", lambda _window, _options: source)

    def broken(*_: object, **__: object) -> None:
        raise SourceError("no", fix="none")

    monkeypatch.setattr(assembly, "describe_run", broken)
    with pytest.raises(SourceError):
        cli._run_with(FakeEngine(), demo(3), [])
    assert closed == ["source"]
