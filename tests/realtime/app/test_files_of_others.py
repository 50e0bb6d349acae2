"""Outputs over files: ours are replaced, those of others are not, and what is read never is."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from steadypose.engines.errors import UsageError
from steadypose.engines.file_io import write_model_file
from steadypose.engines.skeletons.people import COCO17
from steadypose.realtime import convert, resmooth
from steadypose.realtime.command.options.command_line import build_parser, to_settings
from steadypose.realtime.command.output_checks import check_outputs
from steadypose.realtime.command.own_files import is_ours
from steadypose.realtime.command.settings import Settings
from steadypose.realtime.model.places import SHIPPED
from steadypose.realtime.record.formats.parquet import ParquetSink
from steadypose.realtime.record.recorder import record_video
from steadypose.realtime.report import __main__ as report
from steadypose.realtime.sources.opening import SourceOptions
from tests.realtime.app.test_cli import run
from tests.realtime.record.test_formats import random_run, record

GRAY = np.full((48, 64, 3), 90, np.uint8)
DEMO = ("--source", "demo", "--headless")
OPTIONS = ("--csv", "--jsonl", "--parquet", "--save-video", "--benchmark")


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def settings_of(*arguments: str) -> Settings:
    return to_settings(build_parser().parse_args([*DEMO, *arguments]), None)


@pytest.mark.slow
def test_everything_that_a_run_wrote_is_known_and_the_same_command_runs_again() -> None:
    command = (
        *("--max-frames", "8", "--csv", "a.csv", "--jsonl", "a.jsonl", "--parquet", "a.parquet"),
        *("--save-video", "a.mp4", "--benchmark", "a.json"),
    )
    for _ in range(2):
        done = run(*DEMO, *command)
        assert done.returncode == 0, done.stderr
        for tool, *words in (
            (report.main, "a.jsonl"),
            (convert.main, "a.jsonl", "b.trc"),
            (convert.main, "a.jsonl", "b.parquet"),
            (convert.main, "a.jsonl", "b.csv", "--csv-layout", "long"),
            (resmooth.main, "a.jsonl", "c.csv"),
        ):
            assert tool(words) == 0
    for path in Path().iterdir():
        assert is_ours(path), path


def test_a_video_of_before_the_mark_is_known_by_its_sidecar(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    recorder = record_video(path, fps=30, is_live=False)
    recorder.put((lambda: GRAY, 0.0))
    recorder.close()
    assert is_ours(path)
    path.write_bytes(path.read_bytes().replace(b"recorded by steadypose", b"-" * 22))
    assert not is_ours(path)
    sidecar = {"format": "steadypose", "files": [{"names": ["a.mp4"], "rows": 1}]}
    Path("a.meta.json").write_text(json.dumps(sidecar))
    assert is_ours(path)


@pytest.mark.parametrize("model", SHIPPED, ids=lambda path: path.name)
def test_a_model_file_is_known(model: Path) -> None:
    assert is_ours(model)


def test_a_journal_is_known() -> None:
    ParquetSink(Path("a.parquet"), COCO17).flush()
    assert is_ours(Path("a.parquet.journal"))


TRC = (
    "PathFileType\t4\t(X/Y/Z)\tx.trc\n"
    "DataRate\tCameraRate\tNumFrames\tNumMarkers\tUnits\tOrigDataRate\tOrigDataStartFrame\t"
    "OrigNumFrames\n30\t30\t1\t1\tmm\t30\t1\t1\nFrame#\tTime\tnose\t\t\n\t\tX1\tY1\tZ1\n\n"
    "1\t0.0\t1.00\t2.00\t3.00\n"
)
THEIRS = {
    "thesis.csv": b"name,grade\nada,1\n",
    "frames.csv": b"frame,time_s,speed\n1,2,3\n",
    ".bashrc": b"alias ll='ls -l'\n",
    "mine.json": b'{"mine": 1}',
    "lines.jsonl": b'{"format": "other"}\n',
    "page.html": b"<!DOCTYPE html><title>steadypose report</title>",
    "film.mp4": b"\0\0\0\x20ftypisom" + b"moov mvex Lavf" * 9,
    "table.parquet": b"PAR1" + bytes(99) + b"PAR1",
    "net.onnx": b"\x08\x07\x12\x07pytorch",
    "data.zip": b"PK\x03\x04" + bytes(99),
    "mocap.trc": TRC.encode(),
    "binary": bytes(range(256)) * 999,
}


@pytest.mark.parametrize("name", THEIRS)
def test_no_file_of_others_is_taken_for_ours(name: str) -> None:
    Path(name).write_bytes(THEIRS[name])
    assert not is_ours(Path(name))


@pytest.mark.parametrize("option", OPTIONS)
def test_a_run_does_not_replace_what_no_run_wrote(option: str) -> None:
    mine = Path("mine.mp4" if option == "--save-video" else "mine")
    mine.write_text("mine")
    words = (option, mine.name)
    with pytest.raises(UsageError, match="no run of steadypose wrote it") as told:
        check_outputs(settings_of(*words))
    assert "--force" in told.value.fix
    check_outputs(settings_of(*words, "--force"))
    assert mine.read_text() == "mine"
    mine.write_text("")  # as mktemp makes them
    check_outputs(settings_of(*words))


@pytest.mark.parametrize(
    ("beside", "words"),
    [
        ("a.meta.json", ("--csv", "a.csv")),
        ("a.parquet.journal", ("--parquet", "a.parquet")),
        ("a.002.csv", ("--csv", "a.csv", "--split", "1s")),
        ("a.002.parquet.journal", ("--parquet", "a.parquet", "--split", "1s")),
    ],
)
def test_what_a_run_writes_beside_its_outputs_is_looked_at_first(
    beside: str, words: tuple[str, ...]
) -> None:
    Path(beside).write_text("mine")
    with pytest.raises(UsageError, match=rf"{beside} would be replaced"):
        check_outputs(settings_of(*words))
    check_outputs(settings_of(*words, "--force"))


Tool = tuple[Callable[[list[str]], int], list[str], str]
TOOLS: list[Tool] = [
    (convert.main, ["all.jsonl", "OUT"], "x.csv"),
    (convert.main, ["all.jsonl", "OUT"], "x.trc"),
    (resmooth.main, ["all.jsonl", "OUT"], "x.jsonl"),
    (report.main, ["all.jsonl", "-o", "OUT"], "x.html"),
    (report.main, ["all.jsonl"], "all.html"),
]


def words_of(words: list[str], out: str) -> list[str]:
    return [out if word == "OUT" else word for word in words]


@pytest.mark.parametrize(("tool", "words", "out"), TOOLS)
def test_no_tool_replaces_what_no_run_wrote(
    capsys: pytest.CaptureFixture[str],
    tool: Callable[[list[str]], int],
    words: list[str],
    out: str,
) -> None:
    record(Path("all.jsonl"), random_run(3, 30))
    Path(out).write_text("mine")
    given = words_of(words, out)
    assert tool(given) == 2
    assert "no run of steadypose wrote it" in capsys.readouterr().err
    assert Path(out).read_text() == "mine"
    assert tool([*given, "--force"]) == 0
    assert tool(given) == 0


@pytest.mark.parametrize("name", ["all.jsonl", "soft.jsonl", "hard.jsonl"])
@pytest.mark.parametrize("tool", [convert.main, resmooth.main, report.main])
@pytest.mark.posix("links need a right there")
def test_no_tool_writes_over_what_it_reads(
    capsys: pytest.CaptureFixture[str], tool: Callable[[list[str]], int], name: str
) -> None:
    record(Path("all.jsonl"), random_run(3, 30))
    Path("soft.jsonl").symlink_to("all.jsonl")
    Path("hard.jsonl").hardlink_to("all.jsonl")
    before = Path("all.jsonl").read_bytes()
    words = ["all.jsonl", "-o", name] if tool is report.main else ["all.jsonl", name]
    assert tool([*words, "--force"]) == 2
    assert "would be destroyed" in capsys.readouterr().err
    assert Path("all.jsonl").read_bytes() == before


@pytest.mark.parametrize("option", OPTIONS)
def test_a_run_does_not_write_over_a_hard_link_to_its_source(option: str) -> None:
    Path("clip.mp4").write_bytes(b"a film")
    Path("out.mp4").hardlink_to("clip.mp4")
    settings = settings_of(option, "out.mp4", "--force")
    with pytest.raises(UsageError, match="would be destroyed"):
        check_outputs(replace(settings, source=SourceOptions("clip.mp4")))


@pytest.mark.posix("modes of files")
@pytest.mark.parametrize(
    ("tool", "words", "out"), [*TOOLS, (convert.main, ["all.jsonl", "OUT"], "x.parquet")]
)
def test_a_private_file_stays_private(
    tool: Callable[[list[str]], int], words: list[str], out: str
) -> None:
    record(Path("all.jsonl"), random_run(3, 30))
    Path(out).touch(mode=0o600)
    assert tool(words_of(words, out)) == 0
    assert Path(out).stat().st_mode & 0o777 == 0o600


@pytest.mark.posix("modes of files")
def test_a_private_parquet_is_private_while_it_is_recorded_and_afterwards() -> None:
    Path("a.parquet").touch(mode=0o600)
    sink = ParquetSink(Path("a.parquet"), COCO17)
    for entry in random_run(3, 10):
        sink.add(entry)
    sink.flush()
    assert Path("a.parquet.journal").stat().st_mode & 0o777 == 0o600
    sink.close()
    assert Path("a.parquet").stat().st_mode & 0o777 == 0o600


@pytest.mark.slow
@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.parquet", "a.mp4", "a.json"])
@pytest.mark.posix("links need a right there")
def test_a_link_behaves_alike_whatever_writes_to_it(name: str) -> None:
    Path("far").mkdir()
    Path(name).symlink_to(Path("far") / name)  # it dangles
    option = dict(zip((".csv", ".jsonl", ".parquet", ".mp4", ".json"), OPTIONS, strict=True))
    done = run(*DEMO, "--max-frames", "4", option[Path(name).suffix], name)
    assert done.returncode == 0, done.stderr
    assert Path(name).is_symlink()
    assert is_ours(Path("far") / name)


@pytest.mark.posix("links need a right there")
def test_a_model_file_at_the_end_of_a_link_is_replaced_there() -> None:
    Path("far").mkdir()
    Path("m.onnx").symlink_to("far/m.onnx")
    write_model_file(b"model", Path("m.onnx"))
    assert Path("far/m.onnx").read_bytes() == b"model"


def test_what_an_earlier_run_wrote_is_replaced_and_said_so() -> None:
    told: list[str] = []
    words = ("--csv", "a.csv", "--jsonl", "a.jsonl")
    check_outputs(settings_of(*words), told.append)
    Path("a.csv").touch()  # as mktemp makes them
    check_outputs(settings_of(*words), told.append)
    assert told == []
    Path("a.csv").write_text("frame,time_s,person,score\n")
    check_outputs(settings_of(*words), told.append)
    Path("a.jsonl").write_text('{"steadypose": 1}\n')
    check_outputs(settings_of(*words, "--force"), told.append)
    assert told == [
        "note: a.csv exists and will be replaced when the first frame is recorded",
        "note: a.csv, a.jsonl exist and will be replaced when the first frame is recorded",
    ]


@pytest.mark.skipif(not Path("/dev/null").exists(), reason="needs a device")
def test_a_device_is_not_replaced() -> None:
    told: list[str] = []
    check_outputs(settings_of("--csv", "/dev/null"), told.append)
    assert told == []
