"""One writer per file: who comes second is refused in one sentence, and nothing is left lying."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from steadypose.engines.errors import RecordError
from steadypose.engines.file_io import replace_text
from steadypose.engines.foreign.claims import Claim, Claims, alone, check_free
from steadypose.engines.skeletons.people import COCO17
from steadypose.realtime import cli
from steadypose.realtime.convert import main as convert
from steadypose.realtime.datatypes import Frame, Pose
from steadypose.realtime.record.formats.tables import TABLES, Table, find_table
from steadypose.realtime.record.outputs import Outputs
from steadypose.realtime.record.parts import Limit
from steadypose.realtime.report.__main__ import main as report
from steadypose.realtime.resmooth import main as resmooth
from tests.realtime.app.test_cli import RUN, environment
from tests.realtime.record.test_formats import random_pose, random_run, record

TAKEN = "is being written by another run"


def a_pose() -> Pose:
    return random_pose(np.random.default_rng(1), 1)


def frame(index: int) -> Frame:
    return Frame(np.zeros((48, 64, 3), np.uint8), index, index / 30, 0.0)


@pytest.fixture
def recorded(tmp_path: Path) -> Path:
    """A finished recording with raw positions."""
    return record(tmp_path / "all.jsonl", random_run(1, 5))


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Outputs]:
    """A run that writes everything, in its middle."""
    tables = tuple(
        Table(form, tmp_path / f"{form.layout}out.{form.name}") for form in TABLES if form.has_raw
    )
    video = tmp_path / "out.mp4"
    outputs = Outputs(COCO17, 30.0, is_live=False, tables=tables, video=video, run_info={})
    for index in range(3):
        one = frame(index)
        outputs.write_poses(one, [a_pose()])
        outputs.write_picture(one.image_bgr.copy, one.time_s)
    yield outputs
    outputs.close()


def names(folder: Path) -> set[str]:
    """But for those that the run is about to give their own name."""
    return {path.name for path in folder.iterdir() if path.suffix != ".part"}


def test_a_file_that_is_being_written_is_refused_to_every_tool(
    running: Outputs, recorded: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = names(tmp_path)
    for table in running.tables:
        for tool in (convert, resmooth):
            assert tool([str(recorded), str(table.path)]) == 2
            assert TAKEN in capsys.readouterr().err
        assert report([str(recorded), "-o", str(table.path), "--force"]) == 2
        assert TAKEN in capsys.readouterr().err
    assert names(tmp_path) == before


def test_a_file_that_is_being_written_may_be_read(running: Outputs, tmp_path: Path) -> None:
    deadline = time.monotonic() + 20.0
    tables = [table for table in running.tables if not table.format.beside]
    for number, table in enumerate(tables):
        while not (table.path.exists() and len(table.path.read_bytes().splitlines()) > 3):
            assert time.monotonic() < deadline  # it is written twice a second
            time.sleep(0.05)
        assert report([str(table.path), "-o", str(tmp_path / f"{number}.html")]) == 0
        assert convert([str(table.path), str(tmp_path / f"{number}.csv")]) == 0


@pytest.mark.parametrize("option", ["--csv", "--jsonl", "--parquet", "--save-video", "--benchmark"])
def test_a_second_run_is_refused_whatever_it_would_write(
    running: Outputs, tmp_path: Path, capsys: pytest.CaptureFixture[str], option: str
) -> None:
    for path in [table.path for table in running.tables] + [tmp_path / "out.mp4"]:
        assert cli.main(["--source", "demo", "--headless", option, str(path)]) == 2
        assert TAKEN in capsys.readouterr().err
    running.close()
    assert running.describe().count("(3 frames)") == 2


def test_a_second_run_that_shares_the_description_is_refused(
    running: Outputs, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = running.tables[0].path
    other = first.with_name(f"{first.stem}.mov")
    assert cli.main(["--source", "demo", "--headless", "--save-video", str(other)]) == 2
    assert f"{first.stem}.meta.json {TAKEN}" in capsys.readouterr().err


def test_who_comes_while_the_first_waits_for_its_first_frame_loses_nothing(
    tmp_path: Path,
) -> None:
    """Both were let in by the checks; the one that gets a frame first writes."""
    table = Table(find_table("jsonl"), tmp_path / "a.jsonl")
    both = [Outputs(COCO17, 30.0, is_live=False, tables=(table,), run_info={}) for _ in range(2)]
    both[0].write_poses(frame(0), [a_pose()])
    with pytest.raises(RecordError, match=TAKEN):
        both[1].write_poses(frame(0), [])
    both[1].close()
    both[0].close()
    assert len(table.path.read_text().splitlines()) == 2


def _has_begun(path: Path) -> bool:
    """Something was written, so the claim is there, too."""
    return path.exists() and path.stat().st_size > 0


def test_the_first_part_belongs_to_a_run_until_its_end(tmp_path: Path) -> None:
    table = Table(find_table("jsonl"), tmp_path / "a.jsonl")
    outputs = Outputs(COCO17, 30.0, is_live=False, tables=(table,), split=Limit(duration_s=1.0))
    for index in range(100):
        outputs.write_poses(frame(index), [a_pose()])
    for part in ("a.jsonl", "a.004.jsonl"):
        until_end_s = time.monotonic() + 10
        while not _has_begun(tmp_path / part) and time.monotonic() < until_end_s:
            time.sleep(0.05)
        with pytest.raises(RecordError, match=TAKEN):
            check_free(tmp_path / part)
    check_free(tmp_path / "a.002.jsonl")
    outputs.close()
    check_free(table.path)


def test_the_claim_goes_with_the_file_that_replaces_it(tmp_path: Path) -> None:
    path = tmp_path / "a"
    claim = Claim(path)
    with pytest.raises(RecordError, match=TAKEN):
        replace_text(path, "somebody else's")
    replace_text(path, "mine", owner=claim)
    with pytest.raises(RecordError, match=TAKEN):
        Claim(path)
    claim.release()
    claim.release()
    Claim(path).release()
    assert path.read_text() == "mine"
    assert names(tmp_path) == {"a"}


@pytest.mark.posix("files that are moved while they are open")
def test_a_file_that_cannot_be_moved_is_told_and_stays_with_whoever_has_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Path) -> None:
        raise OSError(errno.EIO, "Input/output error")

    path, fresh = tmp_path / "a", tmp_path / "b"
    claim = Claim(path)
    fresh.write_text("new")
    monkeypatch.setattr("steadypose.engines.foreign.claims.move", refuse)
    with pytest.raises(OSError, match="Input/output"):
        claim.replace(fresh, path)
    with pytest.raises(RecordError, match=TAKEN):
        Claim(path)
    Claim(fresh).release()
    monkeypatch.undo()
    before = claim._file
    claim.replace(fresh, path)
    with pytest.raises(OSError, match="Bad file"):
        os.fstat(before)  # what it replaced is not kept open
    claim.release()
    Claim(path).release()


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="signals of Unix")
def test_a_lock_ends_with_its_process(tmp_path: Path) -> None:
    table = tmp_path / "a.csv"
    command = [*RUN, "--source", "demo", "--headless", "--realtime", "--csv", str(table)]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL, env=environment()) as process:
        while process.poll() is None and not _has_begun(table):
            time.sleep(0.02)
        with pytest.raises(RecordError, match=TAKEN):
            check_free(table)
        os.kill(process.pid, signal.SIGKILL)
    check_free(table)
    assert names(tmp_path) == {"a.csv", "a.meta.json"}


def test_a_file_that_was_never_claimed_can_be_let_go(tmp_path: Path) -> None:
    claims = Claims()
    path = tmp_path / "a.csv"
    path.touch()
    claims.drop(path)
    claims.add(path)
    assert claims.of(path) is not None
    claims.drop(path)
    assert claims.of(path) is None


def test_a_folder_that_was_held_leaves_no_file_open_and_may_be_held_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    released: list[Claim] = []
    release = Claim.release

    def spy(claim: Claim) -> None:
        released.append(claim)
        release(claim)

    monkeypatch.setattr(Claim, "release", spy)
    for count in (1, 2):
        with alone(tmp_path / ".running", "somebody is here", fix="wait"):
            second = alone(tmp_path / ".running", "somebody is here", fix="wait")
            with pytest.raises(RecordError, match="somebody is here"), second:
                pass
        assert len(released) == count
        assert list(tmp_path.iterdir()) == []
