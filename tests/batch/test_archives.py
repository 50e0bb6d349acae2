"""Archives: every clip once, whatever happens in between."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from steadypose.batch import processes
from steadypose.batch.__main__ import main
from steadypose.batch.clips import find_clips
from steadypose.batch.options import build_parser, to_order
from steadypose.batch.order import Clip, Order
from steadypose.batch.outcome import Outcome
from steadypose.batch.work import Worker
from steadypose.engines.errors import SourceError
from steadypose.engines.options import usable_cpus
from steadypose.realtime.model.places import ROOT
from steadypose.realtime.record.formats.reading import read_recording
from tests.conftest import tiny_model
from tests.support.clips import write_clips

pytestmark = pytest.mark.slow
NAMES = ["a.mp4", "b.mp4", "day1/a.mp4", "day1/c.mkv"]


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clips")
    write_clips(folder, NAMES)
    return folder


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "tiny.onnx"
    path.write_bytes(tiny_model().SerializeToString())
    return path


class Here:
    """A crew of one, in this process."""

    label = "here"

    def __init__(self, order: Order) -> None:
        self.worker = Worker(order)
        self.given: list[Clip] = []

    @property
    def has_room(self) -> bool:
        return not self.given

    def give(self, clip: Clip) -> None:
        self.given.append(clip)

    def take(self, timeout_s: float) -> list[Outcome]:
        return [self.worker.work(self.given.pop())]

    def close(self) -> None:
        self.worker.close()


class Said(NamedTuple):
    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def here(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Said]:
    """The command without processes of its own."""

    def run(*words: object) -> Said:
        with monkeypatch.context() as patch:
            patch.setattr("steadypose.batch.__main__._crew", lambda _, order, __: Here(order))
            code = main([str(word) for word in words])
        return Said(code, *capsys.readouterr())

    return run


def batch(*words: object, cwd: Path = ROOT, **more: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "steadypose", "batch", *map(str, words)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **more}
    return subprocess.run(
        command, check=False, capture_output=True, text=True, cwd=cwd, env=environment, timeout=120
    )


def contents(out: Path) -> dict[str, str]:
    """A hash of each file; of sidecars without the times of the run, and what else was loaded."""
    found = {}
    for path in sorted(p for p in out.rglob("*") if p.is_file()):
        data = path.read_bytes()
        if path.name.endswith(".meta.json"):
            said = json.loads(data)
            for key in ("started", "ended", "options", "versions"):
                said.pop(key)
            said["batch"]["files"].pop(f"{path.name.removesuffix('.meta.json')}.html", None)
            data = json.dumps(said).encode()
        if path.suffix == ".html":
            continue  # it says when it was recorded
        found[path.relative_to(out).as_posix()] = hashlib.sha256(data).hexdigest()
    return found


def test_every_clip_gets_its_table_sidecar_and_page(clips: Path, tmp_path: Path) -> None:
    """The demo's people are found by the network that ships."""
    out = tmp_path / "out"
    done = batch(f"{clips}/**/*.mp4", "--out", out, "--report", "--format", "jsonl")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("3 clips: 3 done; 12 frames, ")
    names = {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()}
    stems = ("a", "b", "day1/a")
    assert names == {f"{s}.{end}" for s in stems for end in ("jsonl", "html", "meta.json")}
    assert len(read_recording(out / "day1/a.jsonl").people[0].frame) == 4
    said = json.loads((out / "a.meta.json").read_text())
    assert said["frames"] == 4
    assert said["files"] == [{"names": ["a.jsonl"], "rows": 4}]
    assert said["source"]["label"].startswith("a.mp4")


def test_what_is_finished_is_left_alone_and_what_changed_is_made_again(
    here: Callable[..., Said], clips: Path, model: Path, tmp_path: Path
) -> None:
    mine, out = tmp_path / "clips", tmp_path / "out"
    shutil.copytree(clips, mine)
    given = (mine, "--out", out, "--model", model, "--backend", "openvino", "--workers", 1)

    def said(*more: str) -> str:
        done = here(*given, *more)
        assert done.returncode == 0, done.stderr
        return done.stdout.partition(";")[0]

    assert said() == "4 clips: 4 done"
    before = contents(out)
    assert said() == "4 clips: 0 done, 4 finished before"
    (out / "a.csv").write_text((out / "a.csv").read_text()[:-20])  # cut short
    (out / "b.csv").unlink()
    assert said() == "4 clips: 2 done, 2 finished before"
    assert contents(out) == before
    times = (mine / "a.mp4").stat()
    shutil.copy(mine / "b.mp4", mine / "a.mp4")  # another clip, of the old date
    os.utime(mine / "a.mp4", ns=(times.st_atime_ns, times.st_mtime_ns))
    assert said() == "4 clips: 1 done, 3 finished before"
    assert said("--persons", "2") == "4 clips: 4 done"
    assert said() == "4 clips: 4 done", "other settings, other files"


def test_a_page_that_is_wanted_later_costs_no_second_run(
    here: Callable[..., Said], clips: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    given = (clips / "a.mp4", "--out", out)
    assert here(*given).returncode == 0
    table = (out / "a.csv").stat()
    done = here(*given, "--report")
    assert done.stdout.startswith("1 clip: 1 done; 0 frames"), done.stderr
    assert "steadypose report" in (out / "a.html").read_text()
    assert (out / "a.csv").stat().st_mtime_ns == table.st_mtime_ns
    done = here(*given, "--report")
    assert done.stdout.startswith("1 clip: 0 done, 1 finished before")


def test_nobody_in_sight_is_no_fault(here: Callable[..., Said], tmp_path: Path) -> None:
    """A page and a second pass have nothing to say; that is no reason to try for ever."""
    (clip,) = write_clips(tmp_path / "clips", ["empty.mp4"], is_empty=True)
    out = tmp_path / "out"
    given = (clip, "--out", out, "--report", "--offline-smooth", "--csv-layout", "long")
    done = here(*given)
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in out.iterdir()) == ["empty.csv", "empty.meta.json"]
    assert "1 finished before" in here(*given).stdout


def test_a_damaged_clip_costs_one_line(
    here: Callable[..., Said], clips: Path, model: Path, tmp_path: Path
) -> None:
    mine, out = tmp_path / "clips", tmp_path / "out"
    shutil.copytree(clips, mine)
    whole = (mine / "b.mp4").read_bytes()
    (mine / "bad.mp4").write_bytes(whole[: len(whole) // 2])
    done = here(mine, "--out", out, "--model", model)
    assert done.returncode == 2
    assert done.stdout.startswith("5 clips: 4 done, 1 failed; 16 frames")
    lines = [line for line in done.stderr.splitlines() if "bad.mp4" in line]
    assert len(lines) == 1
    assert lines[0].startswith("failed: ")
    assert "Traceback" not in done.stderr
    assert done.stderr.splitlines()[-2].startswith("error: 1 of 5 failed")
    assert not list(out.glob("bad*"))


def test_what_a_damaged_clip_gave_is_kept_and_tried_again(
    here: Callable[..., Said], model: Path, tmp_path: Path
) -> None:
    (path,) = write_clips(tmp_path, ["long.mkv"], frames=60)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 2 // 3])
    out = tmp_path / "out"
    given = (path, "--out", out, "--model", model, "--format", "jsonl")
    for _ in range(2):
        done = here(*given)
        assert done.returncode == 2
        assert "1 failed" in done.stdout
        assert 2 < len((out / "long.jsonl").read_text().splitlines()) < 62
        assert "batch" not in json.loads((out / "long.meta.json").read_text())


@pytest.mark.posix("signals to another process")
@pytest.mark.parametrize("name", ["SIGKILL", "SIGINT"])
def test_ended_at_a_random_moment_and_started_again_gives_the_same_files(
    model: Path, tmp_path: Path, name: str
) -> None:
    how = signal.Signals[name]
    write_clips(tmp_path / "clips", [f"{n}.mp4" for n in range(8)], frames=25)
    given = ("clips/*.mp4", "--model", model, "--workers", 2)
    undisturbed = batch(*given, "--out", "whole", cwd=tmp_path)
    assert undisturbed.returncode == 0, undisturbed.stderr
    words = [sys.executable, "-m", "steadypose", "batch", *map(str, given), "--out", "cut"]
    (tmp_path / "sitecustomize.py").write_text(  # one clip is never begun: it cannot be too late
        "import sys, time\n"
        "def watch(event, given):\n"
        "    if event == 'open' and str(given[0]).endswith('7.mp4'):\n"
        "        time.sleep(60)\n"
        "sys.addaudithook(watch)\n"
    )
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"}
    seed = secrets.randbelow(600)
    with subprocess.Popen(
        words,
        cwd=tmp_path,
        env=environment,
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        while not list(tmp_path.glob("cut/*.meta.json")) and process.poll() is None:
            time.sleep(0.01)
        time.sleep(seed / 1e3)
        if how == signal.SIGINT:
            os.killpg(process.pid, how)  # as a terminal does
        else:
            process.send_signal(how)
        _, said = process.communicate(timeout=60)
    if how == signal.SIGINT:
        assert process.returncode == 2, said
        assert "Traceback" not in said
        assert "error: interrupted" in said
        assert not list(tmp_path.glob("cut/.steadypose*"))
    else:
        for _ in range(100):  # nobody is left who writes
            found = ["pgrep", "-s", str(process.pid)]
            if subprocess.run(found, check=False, capture_output=True).returncode:
                break
            time.sleep(0.05)
    again = batch(*given, "--out", "cut", cwd=tmp_path)
    assert again.returncode == 0, again.stderr
    assert contents(tmp_path / "cut") == contents(tmp_path / "whole"), seed


@pytest.mark.posix("a process that is killed")
def test_a_worker_that_dies_over_a_clip_costs_that_clip(
    clips: Path, model: Path, tmp_path: Path
) -> None:
    """As a native decoder may; here the engine is made to."""
    (tmp_path / "sitecustomize.py").write_text(
        "import os, signal, sys\n"
        "def watch(event, given):\n"
        "    if event == 'open' and str(given[0]).endswith('b.mp4'):\n"
        "        if 'multiprocessing.spawn' in sys.modules:\n"
        "            os.kill(os.getpid(), signal.SIGSEGV)\n"
        "sys.addaudithook(watch)\n"
    )
    out = tmp_path / "out"
    done = batch(clips, "--out", out, "--model", model, PYTHONPATH=f"{tmp_path}:{ROOT}")
    assert done.returncode == 2
    assert "3 done, 1 failed" in done.stdout
    assert "the worker died over it (signal 11)" in done.stderr
    assert (out / "day1/c.csv").exists()


@pytest.mark.posix("a process that is killed")
def test_a_clip_over_which_a_decoder_hangs_costs_that_clip(
    clips: Path,
    model: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import sys, time, traceback\n"
        "def watch(event, given):\n"
        "    if event == 'open' and str(given[0]).endswith('b.mp4'):\n"
        "        if any(at.name == 'open_source' for at in traceback.extract_stack()):\n"
        "            time.sleep(1000)\n"
        "sys.addaudithook(watch)\n"
    )
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{ROOT}")
    monkeypatch.setattr(processes, "STUCK_S", 4.0)
    out = tmp_path / "out"
    assert main([str(clips), "--out", str(out), "--model", str(model), "--workers", "1"]) == 2
    said = capsys.readouterr()
    assert "3 done, 1 failed" in said.out
    assert "b.mp4: it gave no frame for 4 s" in said.err
    assert (out / "day1/c.csv").exists()


def test_results_go_to_what_fsspec_reaches(
    here: Callable[..., Said], clips: Path, model: Path, tmp_path: Path
) -> None:
    fsspec = pytest.importorskip("fsspec")
    own, there = tmp_path / "own", "memory://bucket/tables"
    given = (clips, "--model", model, "--save-video")
    assert here(*given, "--out", own).returncode == 0
    done = here(*given, "--out", there)
    assert done.returncode == 0, done.stderr
    assert "4 finished before" in here(*given, "--out", there).stdout
    fsspec.filesystem("memory").get("/bucket/tables", str(tmp_path / "got"), recursive=True)
    assert contents(own) == contents(tmp_path / "got")


def test_a_folder_that_is_written_as_a_url_is_a_folder(
    here: Callable[..., Said], clips: Path, model: Path, tmp_path: Path
) -> None:
    mine = tmp_path / "my clips"
    shutil.copytree(clips, mine)
    before = contents_of_clips(mine)
    for scheme in ("file", "local", "FILE"):
        url = mine.as_uri().replace("file", scheme, 1)
        done = here(mine / "*.mp4", "--out", url, "--model", model, "--save-video")
        assert done.returncode == 2
        assert "--out" in done.stderr
        done = here(mine, "--out", f"{mine.parent.as_uri()}/my%20clips", "--save-video")
        assert done.returncode == 2
    assert contents_of_clips(mine) == before
    out = tmp_path / "other"
    out.mkdir()
    (out / "a.csv").write_text("mine\n")
    done = here(mine, "--out", out.as_uri(), "--model", model)
    assert "no run of steadypose wrote it" in done.stderr
    done = here(mine, "--out", f"simplecache::{out.as_uri()}", "--model", model)
    assert "is a folder of this machine" in done.stderr
    assert (out / "a.csv").read_text() == "mine\n"


def contents_of_clips(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_clips_of_one_name_from_another_place_replace_nothing(
    here: Callable[..., Said], clips: Path, model: Path, tmp_path: Path
) -> None:
    first, second = tmp_path / "day1/a.mp4", tmp_path / "day2/a.mp4"
    for path, name in ((first, "a.mp4"), (second, "b.mp4")):
        path.parent.mkdir()
        shutil.copy(clips / name, path)
    given = ("--out", tmp_path / "out", "--model", model)
    assert here(first.parent, *given).returncode == 0
    before = contents(tmp_path / "out")
    done = here(second.parent, *given)
    assert done.returncode == 2
    assert f"are the results of {first}" in done.stderr
    assert "--force" in done.stderr
    assert contents(tmp_path / "out") == before
    assert here(second.parent, *given, "--force").returncode == 0
    assert contents(tmp_path / "out") != before
    shutil.copy(second, first)
    assert "1 finished before" in here(first.parent, *given).stdout, "the same video elsewhere"


def test_a_server_that_is_away_is_a_sentence(
    clips: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("fsspec")
    assert "--out cannot be" in refused(capsys, clips, "--out", "ftp://127.0.0.1:1/x")


def test_with_ray_the_same_files_are_written(clips: Path, model: Path, tmp_path: Path) -> None:
    pytest.importorskip("ray")
    given = (clips, "--model", model, "--workers", 2)
    assert batch(*given, "--out", tmp_path / "own").returncode == 0
    done = batch(*given, "--out", tmp_path / "ray", "--ray")
    assert done.returncode == 0, done.stderr
    assert contents(tmp_path / "own") == contents(tmp_path / "ray")
    assert "4 finished before" in batch(*given, "--out", tmp_path / "ray", "--ray").stdout


def test_ray_starts_no_more_actors_than_there_is_room_for(
    clips: Path, model: Path, tmp_path: Path
) -> None:
    pytest.importorskip("ray")
    given = (clips, "--out", tmp_path / "out", "--ray", "--workers", 1)
    done = batch(*given, "--model", model)
    assert done.returncode == 0, done.stderr
    (tmp_path / "no.onnx").write_bytes(b"nothing")
    done = batch(*given, "--model", tmp_path / "no.onnx")
    assert done.returncode == 2
    assert "is not an ONNX file" in done.stderr
    assert len(done.stderr.splitlines()) == 2


def test_each_actor_of_ray_takes_a_core_where_nobody_says_more() -> None:
    def threads(*words: str) -> int:
        given = ["x.mp4", "--out", "o", *words]
        return to_order(build_parser().parse_args(given), None, given).threads

    assert threads("--ray") == 1
    assert threads("--ray", "--threads", "3") == 3
    assert threads("--ray", "--workers", "1") == threads("--workers", "1") == usable_cpus()


def test_two_at_once_do_not_write_to_one_folder(clips: Path, tmp_path: Path) -> None:
    from steadypose.batch.store import alone_in

    with alone_in(tmp_path / "out"):
        done = batch(clips, "--out", tmp_path / "out")
    assert done.returncode == 2
    assert "another batch writes to" in done.stderr


def refused(capsys: pytest.CaptureFixture[str], *words: object) -> str:
    assert main(list(map(str, words))) == 2
    said = capsys.readouterr().err
    assert len(said.splitlines()) == 2, said
    assert said.splitlines()[1].startswith("  fix: ")
    return said


def test_mistakes_are_a_sentence(
    clips: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert "nothing matches" in refused(capsys, f"{clips}/*.xyz", "--out", out)
    assert "does not exist" in refused(capsys, clips / "none.mp4", "--out", out)
    assert "no video in" in refused(capsys, tmp_path, "--out", out)
    assert "holds the videos of" in refused(capsys, clips, "--out", clips)
    assert "--out" in refused(capsys, clips)
    assert "does not have" in refused(capsys, clips, "--out", out, "--offline-smooth")
    told = refused(capsys, clips, "--out", out, "--angles")
    assert "a wide CSV does not hold them" in told
    assert "add --csv-layout long" in told
    parquet = ("--format", "parquet", "--angles")
    assert "add --format jsonl" in refused(capsys, clips, "--out", out, *parquet)
    assert not out.exists()
    out.mkdir()
    (out / "a.csv").write_text("mine\n")
    assert "no run of steadypose wrote it" in refused(capsys, clips, "--out", out)
    assert (out / "a.csv").read_text() == "mine\n"
    told = refused(capsys, clips, "--out", "nothing://x")
    assert "cannot be reached" in told or "needs fsspec" in told
    assert "is here" not in refused(capsys, clips, "--out", out, "--model", tmp_path / "no.onnx")


def test_a_model_that_no_worker_can_open_ends_it_at_once(
    clips: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "no.onnx").write_bytes(b"nothing")
    said = refused(capsys, clips, "--out", tmp_path / "out", "--model", tmp_path / "no.onnx")
    assert "is not an ONNX file" in said


@pytest.mark.posix("pipes")
def test_a_pipe_is_no_clip(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(b"1")
    os.mkfifo(tmp_path / "pipe.mp4")
    for word in (tmp_path, tmp_path / "*.mp4"):
        assert [clip.path.name for clip in find_clips([str(word)], leave_out=None)] == ["a.mp4"]
    with pytest.raises(SourceError, match="is a pipe"):
        find_clips([str(tmp_path / "pipe.mp4")], leave_out=None)


@pytest.mark.posix("links")
def test_a_clip_with_several_names_is_done_once_by_its_own(tmp_path: Path) -> None:
    folder = tmp_path / "x"
    folder.mkdir()
    for name in ("m.mp4", "a.mp4", "z.mp4"):
        if name == "m.mp4":
            (folder / name).write_bytes(b"1")
        else:
            (folder / name).symlink_to("m.mp4")
    (tmp_path / "y").symlink_to("x")
    words = [str(folder), str(folder / "a.mp4"), str(tmp_path / "y"), str(folder / "*.mp4")]
    for given in (words[:1], words, words[::-1], words[3:]):
        (clip,) = find_clips(given, leave_out=None)
        assert clip.path == folder / "m.mp4"
    (clip,) = find_clips([str(tmp_path / "y")], leave_out=None)
    assert clip.path.name == "m.mp4"
    assert str(clip.name) == "m"


def test_names_follow_the_tree_and_never_meet(tmp_path: Path) -> None:
    for name in ("x/a.mp4", "x/a.MOV", "x/b.v2.mp4", "x/y/a.mp4", "x/notes.txt", "x/out/c.mp4"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"1")

    def names(*words: Path) -> list[str]:
        found = find_clips([str(word) for word in words], leave_out=tmp_path / "x/out")
        return [str(clip.name) for clip in found]

    assert names(tmp_path / "x") == ["a.MOV", "a.mp4", "b.v2", "y/a"]
    assert names(tmp_path / "x/**/*.mp4") == ["a", "b.v2", "y/a"]
    assert names(tmp_path / "x/y/*.mp4", tmp_path / "x/y/a.mp4") == ["a"]
    assert names(tmp_path / "x/a.mp4", tmp_path / "x/y/a.mp4") == ["a", "y/a"]
    assert len(set(names(tmp_path / "x/*.mp4", tmp_path / "x/y/*.mp4"))) == 3
    with pytest.raises(SourceError, match="nothing matches"):
        names(tmp_path / "x/*.avi")
