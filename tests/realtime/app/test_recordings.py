"""Recordings of the real program: killed, out of disk, split, and described."""

from __future__ import annotations

import contextlib
import hashlib
import json
import signal
import subprocess
import sys
import time
from dataclasses import replace
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import av
import cv2
import pytest

from steadypose.engines.backends.fake_engine import FakeEngine
from steadypose.engines.errors import UsageError
from steadypose.realtime.command.output_checks import check_outputs
from steadypose.realtime.command.run_info import describe_run
from steadypose.realtime.command.settings import Settings
from steadypose.realtime.model.places import DEFAULT_MODEL
from steadypose.realtime.record.formats.blocks import ReadState
from steadypose.realtime.record.formats.journal import journal_path
from steadypose.realtime.record.formats.reading import read_frames, read_recording
from steadypose.realtime.record.parts import Limit
from steadypose.realtime.record.sidecar import versions
from steadypose.realtime.sources.opening import SourceOptions, open_source
from tests.realtime.app.test_cli import RUN, environment, run
from tests.support.systems import is_root

ALL = ("--csv", "a.csv", "--jsonl", "a.jsonl", "--parquet", "a.parquet")


def wait_for_frames(path: Path, count: int) -> None:
    deadline = time.perf_counter() + 30
    while time.perf_counter() < deadline:
        if path.exists() and path.read_bytes().count(b"\n") > count:
            return
        time.sleep(0.02)
    raise AssertionError("no frames came")


def wait_for_time(path: Path, time_s: float) -> float:
    """The capture time of the last whole row, once it is late enough."""
    deadline = time.perf_counter() + 120
    while time.perf_counter() < deadline:
        rows = path.read_text().split("\n")[1:-1]
        if rows and float(rows[-1].split(",")[1]) >= time_s:
            return float(rows[-1].split(",")[1])
        time.sleep(0.05)
    raise AssertionError("the recording does not grow")


@pytest.mark.slow
def test_every_format_of_a_run_says_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = run(
        *("--source", "demo:2", "--persons", "2", "--max-frames", "40", "--headless"),
        *(*ALL, "--csv-layout", "long"),
    )
    assert done.returncode == 0, done.stderr
    assert "a.jsonl (40 frames)" in done.stdout
    one, two, three = (read_recording(Path(f"a.{s}")) for s in ("csv", "jsonl", "parquet"))
    for other in (two, three):
        assert [p.person for p in one.people] == [p.person for p in other.people]
        for a, b in zip(one.people, other.people, strict=True):
            for name in ("frame", "time_s", "xy", "score", "raw_xy", "state"):
                assert getattr(a, name).tobytes() == getattr(b, name).tobytes(), name
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        *("a.csv", "a.jsonl", "a.meta.json", "a.parquet")
    ]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["SIGKILL", "SIGTERM"])
@pytest.mark.posix("signals to another process")
def test_a_stopped_run_is_readable_up_to_the_last_second(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    command = [*RUN, "--source", "demo", "--realtime", "--headless", *ALL, "--save-video", "a.mp4"]
    with subprocess.Popen(
        command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment()
    ) as process:
        wait_for_frames(Path("a.csv"), 0)
        begun_s = time.perf_counter()  # the file is opened with the frame of time 0
        # What is written every 2.5 s or more is late then. However slow the machine is.
        seen_s = wait_for_time(Path("a.csv"), 3.8)
        process.send_signal(getattr(signal, name))
        stopped_s = time.perf_counter() - begun_s
        process.communicate(timeout=60)
    is_killed = name == "SIGKILL"
    table = Path("a.parquet.journal" if is_killed else "a.parquet")
    assert journal_path(Path("a.parquet")).exists() == is_killed
    last = {}
    for path in (Path("a.csv"), Path("a.jsonl"), table):
        (person, *_) = read_recording(path).people
        last[path.name] = float(person.time_s[-1])
    with av.open("a.mp4") as film:
        last["a.mp4"] = max(frame.time or 0.0 for frame in film.decode(video=0))
    newest_s = max(last.values())
    assert seen_s <= newest_s < stopped_s + 0.3
    for at, last_s in last.items():
        assert newest_s - last_s < 1.2, at
    meta = json.loads(Path("a.meta.json").read_text())
    assert (meta["ended"] is None) == is_killed
    assert (meta["frames"] is None) == is_killed
    if is_killed:
        done = subprocess.run(
            [sys.executable, "-m", "realtime.convert", str(table), "a.parquet"],
            env=environment() | {"PYTHONPATH": str(DEFAULT_MODEL.parent.parent)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert read_recording(Path("a.parquet")).people[0].time_s[-1] == last[table.name]


def test_the_sidecar_describes_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    options = ["--source", "demo", "--max-frames", "12", "--headless", "--csv", "walk.csv"]
    done = run(*options, "--save-video", "other.mp4")
    assert done.returncode == 0, done.stderr
    text = Path("walk.meta.json").read_text()
    assert str(tmp_path) not in text
    assert str(DEFAULT_MODEL.parent.parent) not in text
    meta = json.loads(text)
    assert meta["model"] == DEFAULT_MODEL.stem
    assert meta["model_sha256"] == hashlib.sha256(DEFAULT_MODEL.read_bytes()).hexdigest()
    assert meta["options"] == [*options, "--save-video", "other.mp4"]
    assert meta["frames"] == 12
    assert meta["dropped"] == 0
    assert meta["started"] <= meta["ended"]
    assert meta["started"].endswith("+00:00")
    assert meta["source"]["fps"] == 30
    assert meta["frame_size_wh"] == [640, 360]
    assert meta["smoothing"]["name"]
    assert {"python", "numpy", "opencv-python"} <= set(meta["versions"])
    assert meta["units"]["x"] == "px"
    assert [entry["names"] for entry in meta["files"]] == [["walk.csv"], ["other.mp4"]]
    assert meta["backend"]
    assert meta["machine"]
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        *("other.mp4", "walk.csv", "walk.meta.json")
    ]


@pytest.mark.parametrize(
    "typed",
    [
        ["--source", "rtsp://me:secret@camera/1"],
        ["--source=rtsp://me:secret@camera/1?channel=1&subtype=0"],
        ["--source=rtsp://me:sec=secret@camera/1"],
        ["--source=rtsp://camera/1?user=me&pwd=secret"],
    ],
)
def test_a_password_does_not_reach_the_sidecar(typed: list[str]) -> None:
    source = open_source(SourceOptions("demo"))
    with contextlib.closing(source):
        facts = describe_run(
            Settings(), FakeEngine(), source, smoothing={}, typed=[*typed, "out/a=b.csv"]
        )
    assert facts["options"][-1] == "a=b.csv"
    assert "camera/1" in facts["options"][-2]
    assert "secret" not in " ".join(facts["options"])


@pytest.mark.slow
def test_a_split_run_goes_on_in_numbered_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = run(
        *("--source", "demo", "--max-frames", "75", "--headless", "--split", "1s"),
        *(*ALL, "--save-video", "a.mp4"),
    )
    assert done.returncode == 0, done.stderr
    assert "a.csv to a.003.csv" in done.stdout
    names = {f"a{part}.{s}" for part in ("", ".002", ".003") for s in ("csv", "jsonl", "mp4")}
    names |= {"a.parquet", "a.002.parquet", "a.003.parquet", "a.meta.json"}
    assert {path.name for path in tmp_path.iterdir()} == names
    for suffix in ("csv", "jsonl", "parquet"):
        frames = [
            [entry.frame for entry in read_frames(ReadState(Path(f"a{part}.{suffix}")))]
            for part in ("", ".002", ".003")
        ]
        assert [frame for part in frames for frame in part] == list(range(75))
        assert [part[0] for part in frames] == [0, 30, 60]
    meta = json.loads(Path("a.meta.json").read_text())
    assert meta["files"][3] == {"names": ["a.mp4", "a.002.mp4", "a.003.mp4"], "rows": 75}


@pytest.mark.slow
@pytest.mark.skipif(not is_root(), reason="mounting needs root")
def test_a_disk_that_fills_up_leaves_every_format_readable(tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2100k", "tmpfs", str(small)],
        capture_output=True,
        check=False,
    )
    if mounted.returncode != 0:
        pytest.skip("tmpfs cannot be mounted here")
    try:
        done = run(
            *("--source", "demo:3", "--persons", "3", "--headless"),
            *("--csv", str(small / "a.csv"), "--csv-layout", "long"),
            *("--jsonl", str(small / "a.jsonl"), "--parquet", str(small / "a.parquet")),
        )
        assert done.returncode == 2
        assert "disk is full" in done.stderr
        assert "Traceback" not in done.stderr
        table = small / "a.parquet"
        if not table.exists():
            table = journal_path(table)
        for path in (small / "a.csv", small / "a.jsonl", table):
            found = read_recording(path)
            assert len(found.people[0].frame) > 20, path
        assert json.loads((small / "a.meta.json").read_text())["format"] == "steadypose"
        assert not list(small.glob("*.tmp"))
    finally:
        subprocess.run(["umount", str(small)], check=False)


MISTAKES = [
    (["--csv", "a.csv", "--jsonl", "a.csv"], "another output has the same file"),
    (["--jsonl", "a.x", "--parquet", "a.x"], "another output has the same file"),
    (["--parquet", "a.p", "--csv", "a.p.journal"], "another output has the same file"),
    (["--csv", "a.csv", "--jsonl", "a.meta.json"], "another output has the same file"),
    (["--csv", "theirs.csv"], "theirs.meta.json would be replaced, and no run"),
    (["--jsonl", "no/such/a.jsonl"], "does not exist"),
    (["--parquet", "FOLDER"], "is a folder"),
    (["--csv", "a.csv", "--split", "10"], "--split 10 is neither a size nor a time"),
    (["--csv", "a.csv", "--split", "5kB"], "less than 10 kB"),
    (["--split", "10min"], "--split has nothing to split"),
    (["--csv", "a.csv", "--jsonl", "a.002.csv", "--split", "1s"], "is another output, and a later"),
    (["--csv", "a.csv", "--benchmark", "a.1000.csv", "--split", "1s"], "a later part of a.csv"),
    (
        ["--parquet", "a.p", "--csv", "a.002.p.journal", "--split", "1s"],
        "a.002.p.journal is another output",
    ),
]


@pytest.mark.parametrize(("arguments", "message"), MISTAKES, ids=lambda v: str(v)[:50])
def test_a_mistake_about_files_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("FOLDER").mkdir()
    Path("theirs.meta.json").write_text('{"mine": 1}')
    done = run("--source", "demo", "--max-frames", "2", "--headless", *arguments)
    assert done.returncode == 2
    assert message in done.stderr
    assert done.stderr.count("error: ") == 1
    assert "  fix: " in done.stderr
    assert "Traceback" not in done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["FOLDER", "theirs.meta.json"]
    assert Path("theirs.meta.json").read_text() == '{"mine": 1}'


@pytest.mark.parametrize("name", ["x.002.mp4", "x.1000.mp4", "link.mp4", "target.mp4"])
@pytest.mark.posix("links need a right there")
def test_a_split_run_does_not_write_over_its_source(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    for file in ("x.002.mp4", "x.1000.mp4", "target.mp4"):
        Path(file).write_bytes(b"mine")
    Path("link.mp4").symlink_to("x.002.mp4")
    Path("x.003.mp4").symlink_to("target.mp4")
    settings = Settings(SourceOptions(name), video=Path("x.mp4"), split=Limit(duration_s=1))
    settings = replace(settings, is_forced=True)  # nothing helps against this
    with pytest.raises(UsageError, match=r"is read, and a later part of x\.mp4 would replace it"):
        check_outputs(settings)
    check_outputs(replace(settings, split=None))
    check_outputs(replace(settings, video=Path("y.mp4")))
    for other in ("x.001.mp4", "x.2.mp4", "x.0002.mp4", "x.002.avi", "xx.002.mp4"):
        Path(other).write_bytes(b"no part of x.mp4")
        check_outputs(replace(settings, source=SourceOptions(other)))


def test_without_pyarrow_the_run_does_not_start(tmp_path: Path) -> None:
    (tmp_path / "pyarrow").mkdir()
    (tmp_path / "pyarrow" / "__init__.py").write_text("raise ImportError('no pyarrow')\n")
    done = subprocess.run(
        [*RUN, "--source", "demo", "--headless", "--parquet", str(tmp_path / "a.parquet")],
        env=environment() | {"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert "--parquet needs pyarrow" in done.stderr
    assert "pip install -r requirements-record.txt" in done.stderr.split("fix: ")[1]
    assert not (tmp_path / "a.parquet").exists()


def test_a_package_of_the_system_has_the_version_that_it_says_itself(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Debian's OpenCV has no metadata of pip's."""

    def version(package: str) -> str:
        raise PackageNotFoundError(package)

    monkeypatch.setattr("importlib.metadata.version", version)
    assert versions()["opencv-python"] == cv2.__version__
