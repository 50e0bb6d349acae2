"""The program as people call it: output, exit codes, one sentence for every mistake."""

from __future__ import annotations

import contextlib
import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import av
import numpy as np
import pytest

from steadypose.engines.skeletons.people import COCO17
from steadypose.realtime.model.places import ROOT
from steadypose.realtime.sources.demo import DemoScene
from tests.support.drawn import write_picture
from tests.support.systems import is_root

RUN = [sys.executable, str(ROOT / "run.py")]


def environment() -> dict[str, str]:
    hidden = {"DISPLAY", "WAYLAND_DISPLAY"}
    return {k: v for k, v in os.environ.items() if k not in hidden}


def run(*arguments: str, timeout: float = 120) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*RUN, *arguments],
        capture_output=True,
        text=True,
        timeout=timeout,
        env=environment(),
        check=False,
    )


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.slow
def test_the_main_job_on_the_demo_finds_the_mannequin(tmp_path: Path) -> None:
    table, film, report = tmp_path / "a.csv", tmp_path / "a.mp4", tmp_path / "a.json"
    done = run(
        *("--source", "demo", "--max-frames", "120", "--csv", str(table), "--csv-layout", "long"),
        *("--save-video", str(film), "--benchmark", str(report)),
    )
    assert done.returncode == 0, done.stderr
    assert "no window: no display" in done.stderr
    found = rows(table)
    assert len(found) == 120 * 17
    with av.open(str(film)) as container:
        times = [f.time for f in container.decode(video=0)]
    np.testing.assert_allclose(times, np.arange(120) / 30, atol=2e-3)
    assert json.loads(report.read_text())["frames"] == 120
    assert len(done.stdout.strip().splitlines()) == 3
    # The skeleton lies on the figure: PCK@0.2 of the torso for the upper body.
    scene = DemoScene()
    right = total = 0
    for row in found:
        k = row["keypoint"]
        if row["x"] and ("shoulder" in k or "hip" in k or "elbow" in k or k == "nose"):
            truth = scene.truth(int(row["frame"]))[0]
            index = COCO17.index(k)
            torso = np.linalg.norm(truth[5] - truth[12])
            error = np.hypot(float(row["x"]) - truth[index, 0], float(row["y"]) - truth[index, 1])
            right += error < 0.2 * torso
            total += 1
    assert total > 120 * 6
    assert right / total > 0.85


@pytest.mark.parametrize("backend", ["openvino", "onnxruntime"])
def test_both_backends_run_the_shipped_model(backend: str) -> None:
    done = run("--source", "demo", "--max-frames", "5", "--headless", "--backend", backend)
    assert done.returncode == 0, done.stderr
    assert backend in done.stdout


def test_two_mannequins_and_filterpy() -> None:
    done = run(
        *("--source", "demo:2", "--persons", "2", "--max-frames", "8", "--headless"),
        *("--smooth", "filterpy"),
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("8 frames")


MISTAKES = [
    (["--camera", "97"], "camera 97 does not exist"),
    (["--source", "missing.mp4"], "missing.mp4 does not exist"),
    (["--source", "EMPTY_DIR"], "holds no pictures"),
    (["--source", "TEXT.mp4"], "cannot be opened as a video"),
    (["--source", "ZERO.mp4"], "is empty (0 bytes)"),
    (["--source", "rtsp://127.0.0.1:9/x"], "no video at rtsp://127.0.0.1:9/x"),
    (["--source", "demo", "--model", "TEXT.mp4"], "not an ONNX file"),
    (["--source", "x" * 300], "does not exist"),
    (["--source", "demo", "--csv", "y" * 300], "File name too long"),
    (["--source", "demo", "--model", "none.onnx"], "cannot read model file"),
    (["--source", "demo", "--csv", "no/such/dir/a.csv"], "does not exist"),
    (["--source", "demo", "--csv", "EMPTY_DIR"], "is a folder"),
    (["--source", "demo", "--csv", "a.mp4", "--save-video", "a.mp4"], "same file"),
    (["--source", "PICS", "--csv", "PICS/a.png"], "would be destroyed"),
    (["--source", "demo", "--save-video", "out.avi"], "does not end in .mp4"),
    (["--source", "demo", "--csv", "out.MP4"], "out.MP4 has the ending of another kind of file"),
    (["--source", "demo", "--jsonl", "out.csv"], "out.csv has the ending of another kind of file"),
    (["--source", "demo", "--max-frames", "0"], "0 is not 1 or more"),
    (["--source", "demo:x"], "demo:x is not possible"),
    (["--source", ""], "--source is empty"),
    (["--source", "none/*.png"], "nothing matches none/*.png"),
    (["clip.mp4"], "unrecognized arguments: clip.mp4"),
    (["--persons", "11"], "11 is not between 1 and 10"),
    (["--persons", "many"], "'many' is not a whole number"),
    (["--fps", "0"], "0 is not between 0.5 and 1000"),
    (["--fps", "fast"], "'fast' is not a number"),
    (["--fourcc", "MJPEG2"], "four letters"),
    (["--backend", "abacus"], "invalid choice"),
    (["--camera", "0", "--source", "demo"], "not allowed with"),
    (["--no-such-flag"], "unrecognized arguments"),
    (["--source", "demo", "--backend", "onnxruntime", "--precision", "bf16"], "fp32 on the CPU"),
]


@pytest.mark.parametrize(("arguments", "message"), MISTAKES, ids=lambda v: str(v)[:40])
def test_a_mistake_is_one_sentence_with_a_fix_and_exit_code_2(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "EMPTY_DIR").mkdir()
    (tmp_path / "TEXT.mp4").write_text("this is not a video\n" * 30)
    (tmp_path / "ZERO.mp4").touch()
    (tmp_path / "PICS").mkdir()
    write_picture("PICS/a.png", np.zeros((32, 32, 3), np.uint8))
    done = run(*arguments, "--headless")
    assert done.returncode == 2
    assert message in done.stderr
    assert done.stderr.count("error: ") == 1
    assert "  fix: " in done.stderr
    assert "Traceback" not in done.stderr
    # Nothing of OpenCV's or FFmpeg's own chatter around it.
    assert all(
        line.startswith(
            (
                "error:",
                "  fix:",
                "engine:",
                "model:",
                "no window:",
                "nothing will be saved",
                "source:",
                "passed over",
            )
        )
        for line in done.stderr.replace("\r", "").splitlines()
    ), done.stderr


def wait_for_rows(path: Path, count: int) -> None:
    deadline = time.perf_counter() + 30
    while time.perf_counter() < deadline:
        if path.exists() and path.read_text().count("\n") > count:
            return
        time.sleep(0.05)
    raise AssertionError("no rows came")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGKILL"])
@pytest.mark.posix("signals to another process")
def test_a_stopped_run_keeps_what_it_recorded(tmp_path: Path, name: str) -> None:
    table, film = tmp_path / "a.csv", tmp_path / "a.mp4"
    command = [
        *RUN,
        "--source",
        "demo",
        "--realtime",
        "--csv",
        str(table),
        "--save-video",
        str(film),
    ]
    with subprocess.Popen(
        command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment()
    ) as process:
        wait_for_rows(table, 60)
        process.send_signal(getattr(signal, name))
        out, err = process.communicate(timeout=20)
    found = rows(table)
    assert len(found) >= 60
    assert table.read_text().endswith("\n")
    with av.open(str(film)) as container:
        frames = sum(1 for _ in container.decode(video=0))
    assert frames > len(found) - 45  # at most a second of video is missing
    if name != "SIGKILL":
        assert process.returncode == 2
        assert "everything recorded so far is saved" in err
        assert "  fix: " in err
        assert "Traceback" not in err
        assert out.count("\n") == 3


@pytest.mark.slow
@pytest.mark.skipif(not is_root(), reason="mounting needs root")
def test_a_disk_that_fills_up_leaves_readable_files(tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2300k", "tmpfs", str(small)],
        capture_output=True,
        check=False,
    )
    if mounted.returncode != 0:
        pytest.skip("tmpfs cannot be mounted here")
    try:
        table, film = small / "a.csv", small / "a.mp4"
        done = run(
            "--source",
            "demo",
            "--csv",
            str(table),
            "--save-video",
            str(film),
            "--csv-layout",
            "long",
            timeout=400,  # until two megabytes are full, however slow the machine is
        )
        assert done.returncode == 2
        assert "disk is full" in done.stderr
        assert "Traceback" not in done.stderr
        found = rows(table)
        assert found
        assert len(found[-1]) == 10
        assert found[-1]["state"]
        with av.open(str(film)) as container:
            frames = 0
            with contextlib.suppress(av.error.InvalidDataError):  # the packet that was cut off
                for _ in container.decode(video=0):
                    frames += 1
            assert frames > 10
    finally:
        subprocess.run(["umount", str(small)], check=False)


@pytest.mark.skipif(sys.platform != "linux", reason="displays of X")
@pytest.mark.parametrize("display", [":4711", "localhost:4711.0", "no-such-host:0", "nonsense"])
def test_a_display_that_is_not_there_is_said_and_not_crashed_into(display: str) -> None:
    done = subprocess.run(
        [*RUN, "--source", "demo", "--max-frames", "3"],
        capture_output=True,
        text=True,
        timeout=60,
        env=environment() | {"DISPLAY": display},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert f"display {display} does not answer" in done.stderr


@pytest.mark.slow
def test_a_video_behind_http_ends_and_a_password_is_not_shown(tmp_path: Path) -> None:
    import functools
    import http.server
    import threading

    film = tmp_path / "clip.mp4"
    made = run("--source", "demo", "--max-frames", "20", "--save-video", str(film))
    assert made.returncode == 0
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(tmp_path))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://me:secret@127.0.0.1:{server.server_port}/clip.mp4"
        done = run("--source", address, "--headless", "--csv", str(tmp_path / "a.csv"))
        server.shutdown()
    assert done.returncode == 0, done.stderr
    assert "secret" not in done.stderr + done.stdout
    assert len(rows(tmp_path / "a.csv")) == 20


def test_doctor_names_every_part() -> None:
    done = run("--doctor")
    assert done.returncode == 0
    for part in ("Python", "(opencv-python", "window", "camera", "GPU", "CUDA driver", "tensorrt"):
        assert part in done.stdout
    assert "openvino: works" in done.stdout
    assert "onnxruntime: works" in done.stdout


def test_help_shows_defaults_and_units() -> None:
    done = run("--help")
    assert done.returncode == 0
    for part in ("--camera", "--csv-layout", "default: balanced", "demo:2"):
        assert part in done.stdout
    examples = done.stdout.partition("examples:\n")[2].splitlines()
    assert len(examples) == 3
    assert all(line.startswith("  python run.py --") for line in examples)


def test_a_reader_of_the_list_of_models_may_stop_early() -> None:
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [sys.executable, "run.py", "--list-models"],
        stdout=write,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        check=False,
    )
    os.close(write)
    assert (done.returncode, done.stderr) == (0, "")
