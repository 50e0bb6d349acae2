"""Recordings of strangers: names, lengths and gaps that no recording has."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from steadypose.engines.errors import RecordError
from steadypose.realtime import convert
from steadypose.realtime.model.places import ROOT
from steadypose.realtime.record.formats import blocks, reading
from steadypose.realtime.record.formats.blocks import ReadState
from steadypose.realtime.record.formats.csv_rows import WIDE_HEAD
from steadypose.realtime.record.formats.reading import read_frames, read_recording
from steadypose.realtime.record.sidecar import find_sidecar
from steadypose.realtime.report.sidecar_text import find_run_info


def lines(path: Path, frames: list[int], *, keypoints: tuple[str, ...] = ("nose", "toe")) -> Path:
    """JSON lines with one person in each of some frames."""
    k = len(keypoints)
    told: list[dict[str, Any]] = [
        {"format": "steadypose", "version": 1, "keypoints": list(keypoints)}
    ]
    for number, frame in enumerate(frames):
        person = {"id": 1, "keypoints": [[1, 2, 0.5]] * k, "raw": [[1, 2]] * k}
        person["state"] = ["measured"] * k
        told.append({"frame": frame, "time_s": number / 30, "persons": [person]})
    path.write_text("".join(json.dumps(line) + "\n" for line in told))
    return path


HEAD = ",".join((*WIDE_HEAD, "nose_x", "nose_y", "nose_score"))
NAMES = ("a,b", "=cmd|'/c calc'!A0", "a\x1b[2J", "", "-x", "a b", "x" * 65)


@pytest.mark.parametrize("name", NAMES)
def test_a_recording_with_names_that_are_none_is_a_sentence(tmp_path: Path, name: str) -> None:
    paths = [lines(tmp_path / "a.jsonl", [0, 1], keypoints=(name, "toe"))]
    wide, long = tmp_path / "wide.csv", tmp_path / "long.csv"
    cell = '"' + name.replace('"', '""')
    parts = ",".join(f'{cell}_{part}"' for part in ("x", "y", "score"))
    wide.write_text(f"{','.join(WIDE_HEAD)},{parts}\n0,0.0,1,0.5,1,2,0.5\n")
    long.write_text(
        "frame,time_s,person,keypoint,x,y,score,raw_x,raw_y,state\n"
        f'0,0.0,1,{cell}",1,2,0.5,1,2,measured\n'
    )
    for path in (*paths, wide, long):
        for read in (read_recording, lambda p: list(read_frames(ReadState(p)))):
            with pytest.raises(RecordError) as caught:
                read(path)
            assert "\x1b" not in caught.value.what
            assert "export the model" not in caught.value.fix


def test_two_keypoints_of_one_name_are_a_sentence_about_the_recording(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match="two keypoints of one name"):
        read_recording(lines(tmp_path / "a.jsonl", [0], keypoints=("toe", "toe")))


def test_a_header_that_no_reader_survives_is_no_recording(tmp_path: Path) -> None:
    for text in ("[" * 200_000, '{"keypoints": Infinity}'):
        (tmp_path / "a.jsonl").write_text('{"a":' + text + "\n")
        with pytest.raises(RecordError, match="not the header"):
            read_recording(tmp_path / "a.jsonl")


def test_a_line_without_an_end_is_not_read_into_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blocks, "_LONGEST_LINE", 1000)
    path = lines(tmp_path / "a.jsonl", [0, 1])
    path.write_text(path.read_text() + "x" * 5000)
    with pytest.raises(RecordError, match="a line of more than 1000 letters"):
        read_recording(path)
    (tmp_path / "a.csv").write_text(f"{HEAD}\n" + "1" * 5000)
    with pytest.raises(RecordError, match="a line of more than 1000 letters"):
        read_recording(tmp_path / "a.csv")


@pytest.mark.posix("pipes with names")
def test_pipes_are_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.csv")
    for read in (read_recording, lambda p: list(read_frames(ReadState(p)))):
        with pytest.raises(RecordError, match="pipe"):
            read(tmp_path / "a.csv")
    os.mkfifo(tmp_path / "a.meta.json")
    os.mkfifo(tmp_path / "b.meta.json")
    path = lines(tmp_path / "a.jsonl", [0, 1])
    assert find_sidecar(path) is not None
    info = find_run_info(path)
    assert info is not None
    assert "pipe" in info.problem


@pytest.mark.parametrize("text", ["[" * 200_000, '{"a": ' * 500 + "1" + "}" * 500])
def test_a_sidecar_that_no_reader_survives_is_only_mentioned(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.meta.json").write_text(text)
    info = find_run_info(lines(tmp_path / "a.jsonl", [0]))
    assert info is not None


def test_three_lines_do_not_become_ten_million_files(tmp_path: Path) -> None:
    path = lines(tmp_path / "a.jsonl", [0, 1, 9_999_999])
    begin_s = time.monotonic()
    with pytest.raises(RecordError, match="9,999,997 of them would be empty, 3 not") as caught:
        convert.convert([str(path), str(tmp_path / "out"), "--to", "openpose"])
    assert ".csv" in caught.value.fix
    assert time.monotonic() - begin_s < 5
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.jsonl"]
    few = lines(tmp_path / "b.jsonl", [0, 1, 300])  # a gap, as when nobody is in sight
    assert "301 files" in convert.convert([str(few), str(tmp_path / "out"), "--to", "openpose"])


LONG = """
import resource, sys, time
import numpy as np, pyarrow as pa, pyarrow.parquet as pq
frames, path = int(sys.argv[1]), sys.argv[2]
names = ["nose", "toe"] + [f"k{n}" for n in range(15)]
schema = None
with open(path, "wb") as file:
    writer = None
    for begin in range(0, frames, 100_000):
        count = min(100_000, frames - begin)
        frame = np.repeat(np.arange(begin, begin + count), 17)
        table = pa.table({
            "frame": frame, "time_s": frame / 30, "person": np.ones(len(frame), np.int32),
            "keypoint": pa.DictionaryArray.from_arrays(
                np.tile(np.arange(17, dtype=np.int8), count), names),
            **{name: np.ones(len(frame)) for name in ("x", "y", "score", "raw_x", "raw_y")},
            "state": pa.DictionaryArray.from_arrays(
                np.zeros(len(frame), np.int8), ["measured", "predicted", "lost"]),
        })
        import json
        meta = {b"steadypose": json.dumps({"keypoints": names}).encode()}
        table = table.replace_schema_metadata(meta)
        writer = writer or pq.ParquetWriter(file, table.schema)
        writer.write_table(table)
    writer.close()
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
from steadypose.realtime import convert, resmooth
from steadypose.realtime.report import __main__ as report
for main, words in (
    (report.main, [path]),
    (resmooth.main, [path, path + ".csv"]),
    (convert.main, [path, path + ".trc"]),
):
    code = main(words)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    print(code, grown, file=sys.stderr)
"""


@pytest.mark.slow
@pytest.mark.posix("limits of memory")
def test_an_enormous_recording_is_refused_with_figures_before_memory_is_taken(
    tmp_path: Path,
) -> None:
    pytest.importorskip("pyarrow")
    done = subprocess.run(
        [sys.executable, "-c", LONG, "2000000", str(tmp_path / "long.parquet")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
    *said, _ = re.split(r"^(\d+ \d+)\n", done.stderr, flags=re.MULTILINE)
    assert len(said) == 2 * 3, "of the page, the second pass and the conversion"
    for told, figures in zip(said[::2], said[1::2], strict=True):
        code, grown_kb = map(int, figures.split())
        assert code == 2
        assert grown_kb < 1_000_000
        assert "34,000,000 positions" in told
        assert "--split" in told


def test_a_long_recording_in_text_is_refused_while_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = lines(tmp_path / "a.jsonl", list(range(100)))
    assert len(read_recording(path).people[0].frame) == 100
    monkeypatch.setattr(reading, "MOST_POSITIONS", 199)
    with pytest.raises(RecordError, match="more than 199 positions"):
        read_recording(path)
    assert len(list(read_frames(ReadState(path)))) == 100  # tools that need no more go on


def test_many_people_in_any_order_are_told_apart(tmp_path: Path) -> None:
    count = 500
    text = f"{HEAD}\n"
    text += "".join(f"{n},{n / 30},{count - n % count},0.5,1,2,0.5\n" for n in range(2 * count))
    (tmp_path / "a.csv").write_text(text)
    people = read_recording(tmp_path / "a.csv").people
    assert [track.person for track in people] == list(range(1, count + 1))
    assert people[0].frame.tolist() == [count - 1, 2 * count - 1]
