"""What one tool makes of a recording, all make of it: read alike, or refused in one sentence."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import steadypose as sp
from steadypose.engines.skeletons.people import COCO17
from steadypose.realtime.convert import main as convert
from steadypose.realtime.datatypes import Pose, State
from steadypose.realtime.record.formats.entry import Entry, recorded_score
from steadypose.realtime.record.formats.reading import Recording
from steadypose.realtime.report.__main__ import main as report
from steadypose.realtime.resmooth import main as resmooth
from tests.realtime.record.test_convert import parse_trc, walking
from tests.realtime.record.test_formats import assert_same, random_run, record
from tests.support.recorded import replay

Change = Callable[[list[list[str]]], list[list[str]]]


def cells(path: Path) -> list[list[str]]:
    return list(csv.reader(path.read_text().splitlines()))


def write(path: Path, rows: list[list[str]], *, delimiter: str = ",", comma: bool = False) -> Path:
    text = io.StringIO()
    if comma:
        rows = [rows[0], *([cell.replace(".", ",") for cell in row] for row in rows[1:])]
    csv.writer(text, delimiter=delimiter, lineterminator="\n").writerows(rows)
    path.write_text(text.getvalue())
    return path


def verdicts(path: Path, capsys: pytest.CaptureFixture[str]) -> tuple[set[str], Recording | None]:
    """What each tool said, its own words apart; and what the library read."""
    out = path.with_name("verdict")
    said = set()
    recording = None
    try:
        recording = sp.read(path)
        said.add("read")
    except sp.Error as error:
        said.add(error.what)
    tools: tuple[Callable[[], int], ...] = (
        lambda: convert([str(path), str(out.with_suffix(".jsonl"))]),
        lambda: convert([str(path), str(out.with_suffix(".csv"))]),
        lambda: convert([str(path), str(out.with_suffix(".trc"))]),
        lambda: report([str(path), "-o", str(out.with_suffix(".html"))]),
        lambda: resmooth([str(path), str(out.with_suffix(".parquet"))]),
    )
    for work in tools:
        code, text = work(), capsys.readouterr().err
        assert "Traceback" not in text
        assert code == (2 if text.startswith("error: ") else 0)
        said.add(text.splitlines()[0].removeprefix("error: ") if code else "read")
    return said, recording


SPREADSHEETS: dict[str, Callable[[Path, list[list[str]]], Path]] = {
    "semicolons": lambda p, rows: write(p, rows, delimiter=";"),
    "semicolons and decimal commas": lambda p, rows: write(p, rows, delimiter=";", comma=True),
    "tabs": lambda p, rows: write(p, rows, delimiter="\t"),
    "tabs and decimal commas": lambda p, rows: write(p, rows, delimiter="\t", comma=True),
    "an index": lambda p, rows: write(
        p, [["", *rows[0]], *([str(i), *row] for i, row in enumerate(rows[1:]))]
    ),
    "columns reversed": lambda p, rows: write(p, [row[::-1] for row in rows]),
    "more columns": lambda p, rows: write(
        p, [["note", *rows[0], "speed"], *(["é, ü", *row, ""] for row in rows[1:])]
    ),
}


def as_text(change: Callable[[str], str], coding: str = "utf-8") -> Callable[..., Path]:
    def make(path: Path, rows: list[list[str]]) -> Path:
        text = change(write(path, rows).read_text())
        path.write_bytes(text.encode(coding))
        return path

    return make


SPREADSHEETS |= {
    "blank lines": as_text(lambda text: "\n" + text.replace("\n", "\n\n", 40) + "\n \n,,,\n"),
    "no last line end": as_text(lambda text: text[:-1]),
    "line ends of Windows": as_text(lambda text: text.replace("\n", "\r\n")),
    "no last line end of Windows": as_text(lambda text: text.replace("\n", "\r\n")[:-2]),
    "a mark of Windows": as_text(lambda text: "\ufeff" + text),
    "UTF-16": as_text(lambda text: text.replace(",", "\t"), "utf-16"),
    "sep=": as_text(lambda text: "sep=;\n" + text.replace(",", ";")),
    "quotes": as_text(
        lambda text: "".join('"' + row.replace(",", '","') + '"\n' for row in text.splitlines())
    ),
}  # fmt: skip


@pytest.mark.parametrize("way", SPREADSHEETS)
@pytest.mark.parametrize("layout", ["long", "wide"])
def test_what_a_spreadsheet_saves_is_read_as_it_was_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], way: str, layout: str
) -> None:
    written = record(tmp_path / f"{layout}.csv", random_run(4, 30))
    path = SPREADSHEETS[way](tmp_path / "sheet.csv", cells(written))
    expected = sp.read(written)
    found: Recording | None = None
    if layout == "wide":
        found = sp.read(path)
    else:
        said, found = verdicts(path, capsys)
        assert said == {"read"}
    assert found is not None
    assert found.keypoints == expected.keypoints
    assert_same(found, expected)


@pytest.mark.parametrize(
    ("column", "said"),
    [
        ("time_s", "line 1: the column time_s is missing"),
        ("raw_y", "line 1: the column raw_y is missing"),
        ("left_wrist_y", "line 1: the column left_wrist_y is missing"),
        ("nose_score", "line 1: the column nose_score is missing"),
    ],
)
def test_a_column_that_is_missing_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], column: str, said: str
) -> None:
    wide = "_" in column and column.split("_", maxsplit=1)[0] in {"left", "nose"}
    rows = cells(record(tmp_path / f"{'wide' if wide else 'long'}.csv", random_run(4, 5)))
    at = rows[0].index(column)
    path = write(tmp_path / "a.csv", [row[:at] + row[at + 1 :] for row in rows])
    assert verdicts(path, capsys)[0] == {f"{path}, {said}"}


def moved(times: dict[int, str]) -> Change:
    """Other times for some frames."""
    return lambda rows: [[row[0], times.get(int(row[0]), row[1]), *row[2:]] for row in rows]


WRONG: dict[str, tuple[Change, str]] = {
    "equal times": (moved({3: "0.0667", 2: "0.0667"}), "frame 3 is not later than the one before"),
    "earlier times": (moved({3: "0.0100"}), "frame 3 is not later than the one before"),
    "no times": (moved(dict.fromkeys(range(30), "0.0")), "frame 1 is not later than"),
    "two times": (
        lambda rows: [*rows[:20], [rows[20][0], "9", *rows[20][2:]], *rows[21:]],
        "line 22: expected ",
    ),
    "frames backwards": (lambda rows: rows[17:] + rows[:17], "comes after frame"),
    "somebody twice": (lambda rows: rows + rows[-17:], "has person 1 twice"),
}


@pytest.mark.parametrize("fault", WRONG)
def test_what_is_wrong_is_refused_by_every_tool_in_the_same_words(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], fault: str
) -> None:
    rows = cells(record(tmp_path / "long.csv", walking(30)))
    change, what = WRONG[fault]
    path = write(tmp_path / "a.csv", [rows[0], *change(rows[1:])])
    (said,) = verdicts(path, capsys)[0]
    assert said.startswith(str(path))
    assert what in said


@pytest.mark.parametrize("name", ["long.csv", "all.jsonl"])
def test_a_blank_line_or_a_missing_last_end_is_harmless(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    path = record(tmp_path / name, walking(30))
    expected, text = sp.read(path), path.read_text()
    for harmless in (text[:-1], text + "\n\n", "\n" + text.replace("\n", "\n\n"), "\ufeff" + text):
        path.write_text(harmless)
        said, found = verdicts(path, capsys)
        assert said == {"read"}
        assert found is not None
        assert not found.is_cut
        assert_same(found, expected)
    path.write_text(text[:-9])
    assert sp.read(path).is_cut


@pytest.mark.parametrize(
    ("begin", "kind"),
    [
        (b"\0\0\0\x18ftypmp42" + bytes(300), "a video"),
        (b"\x1aE\xdf\xa3" + bytes(300), "a video"),
        (b"RIFF\0\0\0\0AVI LIST", "a video"),
        ((b"G" + bytes(187)) * 3, "a video"),
        (b"\x89PNG\r\n\x1a\n" + bytes(30), "a picture"),
        (b"\xff\xd8\xff\xe0" + bytes(30), "a picture"),
        (b"PK\x03\x04" + bytes(30), "an archive or a spreadsheet"),
        (b"<!DOCTYPE html>\n<html>", "a page"),
        (b"PathFileType\t4\t(X/Y/Z)\tx.trc\n", "a TRC, which has no scores and no people"),
    ],
)
def test_a_file_of_another_kind_is_called_what_it_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], begin: bytes, kind: str
) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(begin)
    assert verdicts(path, capsys)[0] == {f"{path} is {kind}, not a recording of keypoints"}


@pytest.mark.parametrize(
    ("pause", "frames", "rate"),
    [
        ((30, 600.0), 60, "30.00"),  # ten minutes in the middle
        ((20, 0.9), 60, "30.00"),  # a stall
        ((5, 0.2), 400, "29.97"),
    ],
)
def test_the_rate_of_a_trc_is_the_recordings_and_a_pause_stays_a_gap(
    tmp_path: Path, pause: tuple[int, float], frames: int, rate: str
) -> None:
    at, lasts_s = pause
    entries = [
        Entry(e.frame, e.frame / float(rate) + lasts_s * (e.frame >= at), e.poses)
        for e in walking(frames)
    ]
    path = record(tmp_path / "all.jsonl", entries)
    out = tmp_path / "a.trc"
    assert convert([str(path), str(out)]) == 0
    head, _, time_s, xyz = parse_trc(out)
    assert head["DataRate"] == rate
    is_gap = np.isnan(xyz[:, 0, 0])
    begin_s, end_s = (at - 1) / float(rate), at / float(rate) + lasts_s
    inside = (time_s > begin_s + 1e-3) & (time_s < end_s - 1e-3)
    assert is_gap[inside].all()
    assert not is_gap[~inside].any()


def test_a_persons_score_is_the_same_whoever_writes_it(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    entries = []
    for index in range(400):
        xy = rng.normal(300, 50, (17, 2))
        score = rng.random(17).astype(np.float32).astype(np.float64)
        pose = Pose(xy, score, xy, np.full(17, State.MEASURED, np.int8), COCO17, 1)
        entries.append(Entry(index, index / 30, [pose]))
    wide = record(tmp_path / "wide.csv", entries).read_text()
    for name in ("long.csv", "all.jsonl", "all.parquet"):
        path = record(tmp_path / name, entries)
        out = tmp_path / f"from-{name}.csv"
        assert convert([str(path), str(out), "--csv-layout", "wide"]) == 0
        assert out.read_text() == wide
    assert recorded_score(np.array([0.1234, 0.1236, np.nan, 0.9])) == 0.287


def test_the_page_of_another_recording_of_that_name_stays(tmp_path: Path) -> None:
    pages = []
    for name in ("long.csv", "all.jsonl"):
        written = record(tmp_path / name, walking(40))
        table = written.rename(tmp_path / f"me{written.suffix}")
        pages += [sp.report(table), sp.report(table)]
    assert [page.name for page in pages] == ["me.html", "me.html", "me.jsonl.html", "me.jsonl.html"]
    assert "<title>me.csv" in pages[0].read_text(encoding="utf-8")
    assert "<title>me.jsonl" in pages[2].read_text(encoding="utf-8")


def replayed(name: str, persons: int) -> list[Entry]:
    """Real answers of a network, and what the tracker made of them."""
    found = replay(name, persons=persons).poses
    return [Entry(frame, frame / 30, list(poses.values())) for frame, poses in found.items()]


@pytest.mark.parametrize(("name", "persons"), [("crossing", 2), ("passing", 1)])
def test_a_wide_csv_is_read_with_the_states_that_its_scores_tell(
    tmp_path: Path, name: str, persons: int
) -> None:
    entries = replayed(name, persons)
    wide = sp.read(record(tmp_path / "wide.csv", entries))
    long = sp.read(record(tmp_path / "long.csv", entries))
    state = np.concatenate([person.state for person in wide.people])
    truth = np.concatenate([person.state for person in long.people])
    raw = np.concatenate([person.raw_xy for person in long.people])
    np.testing.assert_array_equal(state == State.LOST, truth == State.LOST)
    assert (state == State.PREDICTED).sum() > 50
    assert (truth[state == State.PREDICTED] == State.PREDICTED).all()
    is_wrong = state != truth  # the filter refused what the network saw there
    assert is_wrong.mean() < 0.02
    assert np.isfinite(raw[is_wrong]).all()


def test_a_recording_and_its_people_are_shown_in_a_line_each(tmp_path: Path) -> None:
    path = record(tmp_path / "all.jsonl", walking(30))
    found = sp.read(path)
    assert repr(found) == "<Recording all.jsonl: 1 person, 17 keypoints, 0.00 to 0.97 s>"
    assert repr(found.people) == "(<PersonTrack 1: 30 frames, 0.00 to 0.97 s>,)"
    path.write_text(path.read_text()[:-9])
    assert repr(sp.read(path)).endswith("0.93 s, cut off>")
    path = tmp_path / "one.csv"
    path.write_text("frame,time_s,person,score,nose_x,nose_y,nose_score\n0,0,1,0.5,1,2,0.5\n")
    assert ": 1 person, 1 keypoint, " in repr(sp.read(path))
    assert "1: 1 frame, " in repr(sp.read(path).people)


def test_a_wide_csvs_position_without_a_score_is_not_called_measured(tmp_path: Path) -> None:
    rows = ["0,0.0000,1,0.500,1,2,0.000,1,2,0.199,1,2,0.200,1,2,,,,0.900,1,,0.900"]
    names = ("nose", "left_eye", "right_eye", "left_ear", "right_ear", "left_hip")
    head = [*("frame", "time_s", "person", "score")]
    head += [f"{name}_{part}" for name in names for part in ("x", "y", "score")]
    (tmp_path / "a.csv").write_text("\n".join([",".join(head), *rows, ""]))
    (person,) = sp.read(tmp_path / "a.csv").people
    assert person.state.tolist() == [[1, 1, 2, 1, 0, 0]]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_a_last_row_that_was_torn_is_left_out_whatever_parts_its_cells(
    tmp_path: Path, delimiter: str
) -> None:
    rows = cells(record(tmp_path / "wide.csv", random_run(3, frames=6)))
    path = write(tmp_path / "b.csv", rows, delimiter=delimiter)
    text = path.read_text().rstrip("\n")
    for end, is_cut in ((len(text), False), (text.rindex(delimiter), True)):
        path.write_text(text[:end])
        assert sp.read(path).is_cut is is_cut
