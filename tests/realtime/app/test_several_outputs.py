"""What leaves a run of several sources: one CSV for all, and poses that name their source."""

from __future__ import annotations

import csv
import json
import socket
from pathlib import Path

import pytest

from steadypose.engines.errors import RecordError
from steadypose.realtime.cli import main
from steadypose.realtime.record.formats.reading import read_recording

TWO = [
    *("--source", "demo", "--source", "demo:2", "--names", "one,two", "--persons", "2"),
    *("--headless", "--precision", "fp32"),
]


def rows_of(path: Path) -> list[list[str]]:
    with path.open(newline="") as file:
        return list(csv.reader(file))[1:]


@pytest.mark.parametrize("layout", ["wide", "long"])
def test_one_csv_has_the_rows_of_all_each_with_its_source(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], layout: str
) -> None:
    joint, apart = tmp_path / "all.csv", tmp_path / "each.csv"
    words = ["--csv-layout", layout, "--max-frames", "6"]
    assert main([*TWO, *words, "--csv", str(joint), "--one-csv"]) == 0
    assert f"all: {joint} (" in capsys.readouterr().out
    assert main([*TWO, *words, "--csv", str(apart)]) == 0
    assert not (tmp_path / "all.one.csv").exists()
    found = rows_of(joint)
    for name in ("one", "two"):
        ours = [row[1:] for row in found if row[0] == name]
        theirs = rows_of(tmp_path / f"each.{name}.csv")
        assert [row[:3] for row in ours] == [row[:3] for row in theirs], "in its own order"
        for mine, other in zip(ours, theirs, strict=True):
            assert float(mine[4]) == pytest.approx(float(other[4]), abs=0.1)
    told = json.loads((tmp_path / "all.meta.json").read_text())
    assert told["frames"] == 12
    assert {name: about["frames"] for name, about in told["sources"].items()} == {
        "one": 6,
        "two": 6,
    }
    assert told["sources"]["two"]["frame_size_wh"] == [640, 360]
    assert told["files"] == [{"names": ["all.csv"], "rows": len(found)}]
    alone = json.loads((tmp_path / "each.one.meta.json").read_text())
    assert told["model"] == alone["model"], "the facts of the run are there"
    assert told["sources"]["one"].items() >= alone["source"].items()


def test_one_csv_is_our_own_file_and_read_source_by_source(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    joint = tmp_path / "all.csv"
    words = [*TWO, "--max-frames", "3", "--csv", str(joint), "--one-csv"]
    assert main(words) == 0
    assert main(words) == 0, "a run replaces what a run wrote"
    with pytest.raises(RecordError, match="people of several sources: one, two") as refused:
        read_recording(joint)
    assert "keep the rows of one source" in refused.value.fix
    head, *lines = joint.read_text().splitlines(keepends=True)
    joint.write_text(head + "".join(line for line in lines if line.startswith("two,")))
    assert len(read_recording(joint).people) == 2
    capsys.readouterr()


def test_one_csv_is_split_like_others(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--max-frames", "40", "--split", "1s", "--one-csv", "--csv", str(tmp_path / "a.csv")]
    assert main([*TWO, *words]) == 0
    parts = sorted(path.name for path in tmp_path.glob("*.csv"))
    assert parts == ["a.002.csv", "a.csv"]
    assert "a.csv, a.002.csv (" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (["--one-csv"], "--one-csv has no CSV to write"),
        (["--one-csv", "--jsonl", "a.jsonl"], "--one-csv has no CSV to write"),
        (
            ["--one-csv", "--csv", "a.csv", "--csv-layout", "long", "--offline-smooth"],
            "needs a table for each source",
        ),
        (["--one-csv", "--csv", "no/a.csv"], "no/a.csv"),
        (["--virtual-camera"], "--virtual-camera shows one picture"),
    ],
)
def test_mistakes_are_a_sentence(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    what: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main([*TWO, "--max-frames", "2", *words]) == 2
    assert what in capsys.readouterr().err
    assert not list(tmp_path.glob("*.csv"))


def test_one_csv_is_for_several_sources(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--source", "demo", "--headless", "--one-csv", "--csv", "a.csv"]) == 2
    assert "--one-csv is for several sources" in capsys.readouterr().err


def test_an_output_of_one_is_not_written_over_the_input_of_another(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "o.one.mp4"
    other.write_bytes(b"precious")
    words = ["--source", "demo", "--source", str(other), "--names", "one,two", "--headless"]
    assert main([*words, "--save-video", str(tmp_path / "o.mp4"), "--force"]) == 2
    assert "would be destroyed" in capsys.readouterr().err
    assert other.read_bytes() == b"precious"


def test_each_datagram_names_its_source(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ear:
        ear.bind(("127.0.0.1", 0))
        ear.settimeout(5)
        port = str(ear.getsockname()[1])
        assert main([*TWO, "--max-frames", "4", "--udp", port]) == 0
        told = capsys.readouterr().out
        count = sum(
            int(line.split("(")[1].split(" sent")[0])
            for line in told.splitlines()
            if "live:" in line
        )
        heard = [json.loads(ear.recv(1 << 16)) for _ in range(count)]
    assert {line["source"] for line in heard} == {"one", "two"}
    last = {line["source"]: line["frame"] for line in heard}
    assert last == {"one": 3, "two": 3}
    assert len([line for line in heard if line["source"] == "two"][-1]["persons"]) == 2


def test_every_source_says_why_their_one_csv_could_not_be_begun(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*_: object) -> None:
        raise RecordError("the quota is used up", fix="remove files")

    monkeypatch.setattr("steadypose.realtime.record.joint.record_joint", failing)
    words = ["--csv", str(tmp_path / "all.csv"), "--one-csv", "--max-frames", "3"]
    assert main([*TWO, *words]) == 2
    said = capsys.readouterr().err
    assert "the quota is used up" in said
    assert "another run" not in said
