"""Every format of a recording reads back as what was recorded; damage is a sentence."""

from __future__ import annotations

import contextlib
import errno
import json
import math
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from steadypose.engines.errors import RecordError, UsageError
from steadypose.engines.skeletons.people import COCO17, MPII16
from steadypose.engines.skeletons.skeleton import Skeleton
from steadypose.realtime.datatypes import SEEN_SCORE, Pose, State
from steadypose.realtime.record.formats import jsonl as lines
from steadypose.realtime.record.formats.blocks import Block, Order, ReadState, make_block
from steadypose.realtime.record.formats.entry import Entry
from steadypose.realtime.record.formats.journal import journal_path
from steadypose.realtime.record.formats.parquet import ParquetSink
from steadypose.realtime.record.formats.reading import Recording, read_frames, read_recording
from steadypose.realtime.record.formats.tables import TABLES, Table, find_table
from steadypose.realtime.record.parts import Limit, parse_limit
from steadypose.realtime.record.recorder import record_table

FORMATS = {f"{form.layout or 'all'}.{form.name}": form for form in TABLES}
FULL = [name for name, form in FORMATS.items() if form.has_raw]


def random_pose(rng: np.random.Generator, person: int, skeleton: Skeleton = COCO17) -> Pose:
    k = len(skeleton)
    # Halves of the last digit are where two ways of rounding would differ.
    xy = rng.choice([rng.normal(0, 900, (k, 2)), rng.integers(-9999, 9999, (k, 2)) / 200 + 0.005])
    raw = xy + rng.normal(0, 3, (k, 2))
    state = rng.integers(0, 3, k).astype(np.int8)
    xy[state == State.LOST] = np.nan
    raw[rng.random(k) < 0.3] = np.nan
    return Pose(xy, rng.random(k), raw, state, skeleton, person)


def random_run(seed: int, frames: int, skeleton: Skeleton = COCO17) -> list[Entry]:
    """0 to 3 people, gaps in the frames, times that jitter."""
    rng = np.random.default_rng(seed)
    entries, index = [], 0
    for _ in range(frames):
        index += int(rng.integers(1, 4))
        people = sorted(rng.choice(5, rng.integers(0, 4), replace=False) + 1)
        poses = [random_pose(rng, int(person), skeleton) for person in people]
        entries.append(Entry(index, index / 30 + rng.uniform(0, 0.01), poses))
    return entries


def record(path: Path, entries: Sequence[Entry], skeleton: Skeleton = COCO17) -> Path:
    recorder = record_table(Table(FORMATS[path.name], path), skeleton)
    for entry in entries:
        recorder.put(entry)
    recorder.close()
    recorder.close()
    return path


def assert_same(found: Recording, expected: Recording) -> None:
    assert found.keypoints == expected.keypoints
    assert [p.person for p in found.people] == [p.person for p in expected.people]
    for one, other in zip(found.people, expected.people, strict=True):
        for name in ("frame", "time_s", "xy", "score", "raw_xy", "state"):
            np.testing.assert_array_equal(getattr(one, name), getattr(other, name), name)
            assert getattr(one, name).dtype == getattr(other, name).dtype


@given(st.integers(0, 2**32), st.integers(1, 12), st.sampled_from([COCO17, MPII16]))
def test_every_format_reads_back_equal_and_as_recorded(
    seed: int, frames: int, skeleton: Skeleton
) -> None:
    entries = random_run(seed, frames, skeleton)
    poses = [(entry, pose) for entry in entries for pose in entry.poses]
    with tempfile.TemporaryDirectory() as folder:
        paths = {name: record(Path(folder) / name, entries, skeleton) for name in FORMATS}
        if not poses:
            for path in paths.values():
                with pytest.raises(RecordError, match="no person in it"):
                    read_recording(path)
            return
        found = {name: read_recording(path) for name, path in paths.items()}
    for name in FULL:
        assert_same(found[name], found["long.csv"])
        assert not found[name].is_cut
    wide, long = found["wide.csv"], found["long.csv"]
    for one, other in zip(wide.people, long.people, strict=True):
        np.testing.assert_array_equal(one.xy, other.xy)
        np.testing.assert_array_equal(one.score, other.score)
        assert np.isnan(one.raw_xy).all()
        is_there, is_seen = ~np.isnan(one.xy[..., 0]), one.score >= SEEN_SCORE
        np.testing.assert_array_equal(one.state == State.MEASURED, is_there & is_seen)
        np.testing.assert_array_equal(one.state == State.PREDICTED, is_there & ~is_seen)
    for person in long.people:
        mine = [(entry, pose) for entry, pose in poses if pose.track_id == person.person]
        assert person.frame.tolist() == [entry.frame for entry, _ in mine]
        np.testing.assert_allclose(person.time_s, [e.time_s for e, _ in mine], atol=0.51e-4)
        np.testing.assert_allclose(person.xy, [p.xy for _, p in mine], atol=0.0051)
        np.testing.assert_allclose(person.raw_xy, [p.raw_xy for _, p in mine], atol=0.0051)
        np.testing.assert_allclose(person.score, [p.score for _, p in mine], atol=0.00051)
        np.testing.assert_array_equal(person.state, [p.state for _, p in mine])


@pytest.mark.parametrize("name", FORMATS)
def test_frames_can_be_read_one_after_another(tmp_path: Path, name: str) -> None:
    entries = random_run(3, 40)
    path = record(tmp_path / name, entries)
    found = list(read_frames(ReadState(path)))
    expected = [e for e in entries if e.poses or FORMATS[name].unit == "frame"]
    assert [e.frame for e in found] == [e.frame for e in expected]
    assert [[p.track_id for p in e.poses] for e in found] == [
        [p.track_id for p in e.poses] for e in expected
    ]
    assert all(pose.skeleton is COCO17 for entry in found for pose in entry.poses)


@pytest.mark.parametrize("name", FORMATS)
def test_a_recording_of_many_blocks_is_put_together(tmp_path: Path, name: str) -> None:
    entries = random_run(4, 2600)
    path = record(tmp_path / name, entries)
    found = read_recording(path)
    counts = {p.person: len(p.frame) for p in found.people}
    for person, count in counts.items():
        assert count == sum(pose.track_id == person for e in entries for pose in e.poses)
    assert [e.frame for e in read_frames(ReadState(path)) if e.poses] == [
        e.frame for e in entries if e.poses
    ]


@pytest.mark.parametrize(
    ("blocks", "twice"),
    [
        ([[(0, 1)], [(0, 2)], [(0, 1)]], (0, 1)),
        ([[(0, 1), (0, 2)], [(0, 3)], [(0, 4), (0, 2)]], (0, 2)),
        ([[(0, 1)], [(0, 2), (1, 2)], [(1, 1)]], None),  # who was there in the frame before
        ([[(0, 1), (1, 2)], [(1, 1)], [(2, 1)], [(2, 2)]], None),
    ],
)
def test_somebody_is_in_a_frame_once_however_many_blocks_it_takes(
    blocks: list[list[tuple[int, int]]], twice: tuple[int, int] | None
) -> None:
    order = Order(Path("a.csv"))
    with contextlib.ExitStack() as stack:
        if twice is not None:
            told = f"frame {twice[0]} has person {twice[1]} twice"
            stack.enter_context(pytest.raises(RecordError, match=told))
        for rows in blocks:
            order.check(block_of(rows))


def block_of(rows: list[tuple[int, int]], *, later_s: float = 0.0) -> Block:
    """Frame and person of each row; 30 frames a second."""
    frame, person = np.array(rows, np.int64).T
    numbers, state = np.zeros((len(rows), 17, 5)), np.ones((len(rows), 17), np.int8)
    return make_block(frame, frame / 30 + later_s, person, numbers, state)


def test_a_frame_has_one_time_also_where_it_goes_on_in_the_next_block() -> None:
    order = Order(Path("a.csv"))
    order.check(block_of([(0, 1), (1, 1)]))
    order.check(block_of([(1, 2), (2, 1)]))
    with pytest.raises(RecordError, match="frame 2 has two times"):
        order.check(block_of([(2, 2), (3, 1)], later_s=0.01))


@pytest.mark.parametrize("name", [*FORMATS, "all.parquet.journal"])
def test_a_file_cut_anywhere_keeps_its_whole_rows(tmp_path: Path, name: str) -> None:
    entries = random_run(5, 30)
    path = tmp_path / name
    if name.endswith("journal"):
        sink = ParquetSink(tmp_path / "all.parquet", COCO17)
        for entry in entries:
            sink.add(entry)
            sink.flush()
    else:
        record(path, entries)
    whole, data = read_recording(path), path.read_bytes()
    if name in FORMATS and FORMATS[name].beside:
        return
    cut_path = tmp_path / f"cut-{name}"
    most = 0
    for size in [1, *range(100, len(data), 1009), len(data) - 5]:
        cut_path.write_bytes(data[:size])
        try:
            found = read_recording(cut_path)
        except RecordError as error:
            assert most == 0, f"{error} after {size} bytes"  # only before the first person  # noqa: PT017
            continue
        rows = sum(len(person.frame) for person in found.people)
        assert rows >= most
        most = rows
        for person in found.people:
            (full,) = (p for p in whole.people if p.person == person.person)
            np.testing.assert_array_equal(person.xy, full.xy[: len(person.frame)])
    assert found.is_cut
    assert most >= sum(len(person.frame) for person in whole.people) - 3


def test_the_parquet_file_has_the_columns_that_are_promised(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet

    entries = random_run(6, 50)
    path = record(tmp_path / "all.parquet", entries)
    assert not journal_path(path).exists()
    table = pa.parquet.read_table(path)
    types = {field.name: str(field.type) for field in table.schema}
    text = "dictionary<values=string, indices=int32, ordered=0>"
    assert {k: v.replace("int8", "int32").replace("int16", "int32") for k, v in types.items()} == {
        "frame": "int64",
        "time_s": "double",
        "person": "int32",
        "keypoint": text,
        **dict.fromkeys(("x", "y", "score", "raw_x", "raw_y"), "double"),
        "state": text,
    }
    rows = table.to_pylist()
    people = [pose for entry in entries for pose in entry.poses]
    assert len(rows) == 17 * len(people)
    for row, pose in zip(rows[::17], people, strict=True):
        assert row["keypoint"] == "nose"
        assert row["person"] == pose.track_id
        if pose.state[0] == State.LOST:
            assert row["x"] is row["y"] is None
            assert row["state"] == "lost"
        else:
            assert row["x"] == pytest.approx(pose.xy[0, 0], abs=0.0051)
    assert json.loads(table.schema.metadata[b"steadypose"])["skeleton"] == "coco17"


def test_a_long_parquet_recording_has_large_row_groups(tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    entries = random_run(7, 5000)
    path = record(tmp_path / "all.parquet", entries)
    groups = pq.ParquetFile(path).metadata
    sizes = [groups.row_group(i).num_rows for i in range(groups.num_row_groups)]
    assert sum(sizes) == 17 * sum(len(entry.poses) for entry in entries)
    assert len(sizes) > 1
    assert all(100_000 <= size <= 125_000 for size in sizes[:-1])


def test_what_no_other_reader_of_json_takes_is_a_failure_and_no_row() -> None:
    assert lines._json({"a": lines.nulls(np.array([1.0, math.nan]))}) == '{"a":[1.0,null]}'
    with pytest.raises(ValueError, match="JSON"):
        lines._json({"a": math.nan})


def test_a_frame_with_nobody_is_a_line_of_jsonl(tmp_path: Path) -> None:
    pose = random_pose(np.random.default_rng(0), 3)
    path = record(tmp_path / "all.jsonl", [Entry(0, 0.0333333, []), Entry(1, 0.0667, [pose])])
    head, empty, full = [json.loads(line) for line in path.read_text().splitlines()]
    assert head == {
        "format": "steadypose",
        "version": 1,
        "skeleton": "coco17",
        "keypoints": list(COCO17.keypoints),
        "units": {"time_s": "s", "x": "px", "y": "px", "raw": "px", "score": "1"},
    }
    assert empty == {"frame": 0, "time_s": 0.0333, "persons": []}
    (person,) = full["persons"]
    assert list(person) == ["id", "score", "keypoints", "raw", "state"]
    for k in range(17):
        x, y, score = person["keypoints"][k]
        assert score == round(float(pose.score[k]), 3)
        if pose.state[k] == State.LOST:
            assert (x, y, person["state"][k]) == (None, None, "lost")
        if math.isnan(pose.raw_xy[k, 0]):
            assert person["raw"][k] is None


WIDE = "frame,time_s,person,score,a_x,a_y,a_score,b_x,b_y,b_score\n0,0.0,1,0.5,1,2,0.5,3,4,0.5\n"
LONG = "frame,time_s,person,keypoint,x,y,score,raw_x,raw_y,state\n"
ROW = "{f},0.0,1,{k},1,2,0.5,1,2,measured\n"
GOOD = LONG + ROW.format(f=0, k="a") + ROW.format(f=0, k="b")
BIG = "1" * 400
HEAD = '{"format":"steadypose","version":1,"skeleton":"s","keypoints":["a"],"units":{}}\n'
PERSON = '{"id":1,"score":1,"keypoints":[[1,2,0.5]],"raw":[null],"state":["measured"]}'


def jsonl(old: str = "", new: str = "", *, frame: str = "0") -> str:
    """A recording of one person whose text was changed."""
    return f'{HEAD}{{"frame":{frame},"time_s":0,"persons":[{PERSON.replace(old, new, 1)}]}}\n'


DAMAGED = [
    ("", "is empty"),
    ("a,b\n1,2\n", "line 1: this is not the header"),
    ("\n\n", "line 1: this is not the header"),
    ("frame,time_s,person,score,a_y,a_x\n", "line 1: the column a_score is missing"),
    (WIDE + "1,0.1,1,0.5,x,2,0.5,3,4,0.5\n", "line 3: 'x' in column a_x is not a number"),
    (WIDE + "1,0.1,1,0.5,inf,2,0.5,3,4,0.5\n", "line 3: 'inf' in column a_x is not a number"),
    (WIDE + "1,0.1,1,0.5,1,2,0.5\n", "line 3: 7 columns, expected 10"),
    (WIDE + "1.5,0.1,1,0.5,1,2,0.5,3,4,0.5\n", "line 3: frame, time_s or person is missing"),
    (WIDE + "1,,1,0.5,1,2,0.5,3,4,0.5\n", "line 3: frame, time_s or person is missing"),
    (WIDE + WIDE.splitlines()[1] + "\n", "frame 0 has person 1 twice"),
    (WIDE + "0,0.5,2,0.5,1,2,0.5,3,4,0.5\n", "frame 0 has two times"),
    (GOOD + "1,0.0,1,nose,1,2,0.5,1,2,measured\n", "line 4: 'nose' is no keypoint"),
    (GOOD + "1,0.0,1,a,1,2,0.5,1,2,guessed\n", "line 4: 'guessed' is no state"),
    (GOOD + "1,0.0,1,a,1,2,zero,1,2,lost\n", "line 4: 'zero' in column score is not a number"),
    (GOOD + 2 * ROW.format(f=1, k="a"), "line 5: expected b of person 1 in frame 1"),
    (GOOD + ROW.format(f=1, k="a") + ROW.format(f=2, k="b"), "line 5: expected b of person 1"),
    (WIDE + "1,-0.1,1,0.5,1,2,0.5,3,4,0.5\n", "frame 1 is not later than the one before"),
    (WIDE + "1e30,0.1,1,0.5,1,2,0.5,3,4,0.5\n", "line 3: '1e30' in column frame is not a number"),
    (WIDE + "1,0.1,1e10,0.5,1,2,0.5,3,4,0.5\n", "line 3: frame, time_s or person is missing, not"),
    (WIDE + f"1,0.1,1,0.5,{BIG},2,0.5,3,4,0.5\n", "in column a_x is not a number"),
    (WIDE + "1,nan,1,0.5,1,2,0.5,3,4,0.5\n", "line 3: frame, time_s or person is missing"),
    (jsonl(frame="1" + "0" * 30), "line 2: not a frame of a recording (1000000"),
    (jsonl('"id":1', '"id":1' + "0" * 30), "is too large"),
    (jsonl('"id":1', '"id":2147483648'), "2147483648 is too large"),
    (jsonl("[1,", f"[{BIG},"), "1... is not finite or too large"),
    (jsonl("[1,", "[Infinity,"), "inf is not finite"),
    (jsonl("[1,", "[1e999,"), "inf is not finite"),
    (jsonl("[1,", "[NaN,"), "nan is not finite"),
    (jsonl("[null]", "[[1,Infinity]]"), "inf is not finite"),
    (jsonl("[1,", "[true,"), "True is not a number"),
    (jsonl("[null]", "[" * 100_000), "line 2: not a frame of a recording"),
    ('{"a":' + "[" * 100_000 + "\n", "line 1: this is not the header"),
    *(
        (jsonl().replace('"time_s":0', f'"time_s":{time}'), f"line 2: {why}")
        for time, why in (
            ("NaN", "not a frame of a recording (nan is not finite"),
            ("-Infinity", "not a frame of a recording (-inf is not finite"),
            ('"1.5"', "not a frame of a recording ('1.5' is not a number"),
            ("1" * 5000, "not a frame of a recording"),
        )
    ),
    (HEAD, "no person in it"),
    ('{"format":"other"}\n', "line 1: this is not the header"),
    *(
        (f'{{"format":"steadypose","version":{v},"keypoints":{k}}}\n', "line 1: this is not the")
        for v, k in ((1, "[]"), (1, "[1]"), (1, '["a",2]'), (2, '["a"]'))
    ),
    (HEAD + "{]\n", "line 2: not a frame of a recording"),
    (HEAD + '{"frame":0,"time_s":0}\n', "line 2: not a frame of a recording"),
    (jsonl(frame='"0"'), "is not a whole number"),
    (jsonl("[1,2,0.5]"), "line 2: not a frame of a recording (person 1 has not 1 keypoints)"),
    (jsonl("measured", "seen"), "'seen' is missing or unknown"),
    (jsonl("[1,", '["1",'), "'1' is not a number"),
    ("PAR1 and nothing more", "is damaged"),
    ("\udcff" * 4 + "\0" * 8, "is damaged"),
    ("\udcfe\0\1 binary", "is not a text file"),
]


@pytest.mark.parametrize(("text", "message"), DAMAGED, ids=lambda v: str(v)[-40:])
def test_a_damaged_file_is_one_sentence_with_a_fix(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "out.csv"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(RecordError) as caught:
        read_recording(path)
    assert message in caught.value.what
    assert "\n" not in caught.value.what
    assert caught.value.fix


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("frame", None, "line 21: frame, time_s or person is missing"),
        ("frame", 2**60, "line 21: frame, time_s or person is missing, not whole or too large"),
        ("time_s", math.inf, "line 21: frame, time_s or person is missing"),
        ("time_s", None, "line 21: frame, time_s or person is missing"),
        ("x", math.inf, "line 21: a number is not finite or too large"),
        ("raw_y", 1e300, "line 21: a number is not finite or too large"),
        ("person", 77, "line 21: expected left_ear of person"),
        ("y", "text", "y has no numbers"),
    ],
)
@pytest.mark.parametrize("is_journal", [False, True])
def test_a_damaged_parquet_file_is_one_sentence(
    tmp_path: Path, column: str, value: object, message: str, *, is_journal: bool
) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pq.read_table(record(tmp_path / "all.parquet", random_run(12, 30)))
    cells = table[column].to_pylist()
    cells[20] = value
    if isinstance(value, str):
        cells = [value] * len(cells)
    at = table.schema.get_field_index(column)
    table = table.set_column(at, column, pa.array(cells))
    path = tmp_path / "damaged"
    if is_journal:
        with pa.OSFile(str(path), "wb") as file, pa.ipc.new_stream(file, table.schema) as stream:
            stream.write_table(table, max_chunksize=10)
    else:
        pq.write_table(table, path)
    with pytest.raises(RecordError) as caught:
        read_recording(path)
    assert message in caught.value.what


def test_a_frame_of_somebody_else_that_comes_after_a_later_one_is_refused(tmp_path: Path) -> None:
    another = jsonl('"id":1', '"id":2', frame="1").splitlines()[1]
    (tmp_path / "a.jsonl").write_text(jsonl(frame="5") + another + "\n")
    with pytest.raises(RecordError, match="frame 1 comes after frame 5"):
        list(read_frames(ReadState(tmp_path / "a.jsonl")))


def test_a_file_that_is_not_there_and_a_folder_are_said(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match="No such file"):
        read_recording(tmp_path / "none.csv")
    with pytest.raises(RecordError, match="is a folder"):
        read_recording(tmp_path)
    journal_path(tmp_path / "out.parquet").write_bytes(b"")
    with pytest.raises(RecordError, match=r"was killed\n  fix: read .*parquet.journal"):
        read_recording(tmp_path / "out.parquet")
    with pytest.raises(RecordError, match="is empty"):
        read_recording(journal_path(tmp_path / "out.parquet"))


def test_random_bytes_never_end_in_a_traceback(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    path = tmp_path / "junk"
    for begin in (b"", b"PAR1", b"\xff\xff\xff\xff", b"{", LONG.encode(), WIDE.encode()):
        for size in (1, 50, 5000):
            path.write_bytes(begin + rng.integers(0, 256, size, dtype=np.uint8).tobytes())
            try:
                read_recording(path)
            except RecordError:
                continue
            assert begin == WIDE.encode()


def test_a_long_recording_is_made_into_parquet_piece_by_piece(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not in one go, for which a day's rows would have to fit in memory."""
    pq = pytest.importorskip("pyarrow.parquet")
    monkeypatch.setattr("steadypose.realtime.record.formats.parquet.GROUP_ROWS", 100)
    path = tmp_path / "all.parquet"
    sink = ParquetSink(path, COCO17)
    entries = [Entry(n, n / 30, [random_pose(np.random.default_rng(n), 1)]) for n in range(20)]
    for entry in entries:
        sink.add(entry)
        sink.flush()
    sink.close()
    found = pq.ParquetFile(path).metadata
    sizes = [found.row_group(n).num_rows for n in range(found.num_row_groups)]
    assert sizes == [6 * 17, 6 * 17, 6 * 17, 2 * 17]
    assert sink.progress == 3
    assert len(read_recording(path).people[0].frame) == 20


def test_a_full_disk_while_recording_leaves_the_whole_batches_of_the_journal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sink = ParquetSink(tmp_path / "all.parquet", COCO17)
    for entry in random_run(10, 30):
        sink.add(entry)
    sink.flush()
    real_write = os.write

    def write(handle: int, data: bytes) -> int:
        if len(data) < 500:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real_write(handle, data[: len(data) - 400])

    monkeypatch.setattr(os, "write", write)
    sink.add(Entry(900, 30.0, [random_pose(np.random.default_rng(0), 1)]))
    with pytest.raises(RecordError, match=r"disk is full: .*all\.parquet\.journal ends here"):
        sink.flush()
    monkeypatch.undo()
    sink.close()
    found = read_recording(tmp_path / "all.parquet.journal")
    assert not found.is_cut
    assert all(person.frame[-1] < 900 for person in found.people)
    with pytest.raises(RecordError, match="was killed"):
        read_recording(tmp_path / "all.parquet")


def test_a_full_disk_at_the_end_keeps_the_journal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def replace(_: Path, __: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "replace", replace)
    with pytest.raises(RecordError, match=r"journal has everything\n  fix: .*realtime.convert"):
        record(tmp_path / "all.parquet", random_run(11, 5))
    monkeypatch.undo()
    assert [path.name for path in tmp_path.iterdir()] == ["all.parquet.journal"]
    assert read_recording(tmp_path / "all.parquet.journal").people


def test_without_pyarrow_parquet_is_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = record(tmp_path / "all.parquet", random_run(8, 5))
    monkeypatch.setitem(sys.modules, "pyarrow.ipc", None)
    with pytest.raises(
        UsageError, match=r"needs pyarrow.*\n  fix: pip install -r requirements-record.txt"
    ):
        record_table(Table(find_table("parquet"), tmp_path / "b.parquet"), COCO17)
    with pytest.raises(UsageError, match=r"requirements-record\.txt"):
        read_recording(path)


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("limit", [Limit(duration_s=2.0), Limit(size_bytes=60_000)])
def test_parts_are_complete_in_themselves_and_together(
    tmp_path: Path, name: str, limit: Limit
) -> None:
    entries = random_run(9, 150)
    recorder = record_table(Table(FORMATS[name], tmp_path / name), COCO17, limit)
    for entry in entries:
        recorder.put(entry)
    recorder.close()
    stem, suffix = name.split(".")
    names = [name, *(f"{stem}.{i:03d}.{suffix}" for i in range(2, 1 + len(recorder.paths)))]
    assert [path.name for path in recorder.paths] == names
    assert len(names) >= 4 or limit.size_bytes
    assert len(names) >= 2
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(names)
    found = [entry for path in recorder.paths for entry in read_frames(ReadState(path))]
    expected = [e for e in entries if e.poses or FORMATS[name].unit == "frame"]
    assert [e.frame for e in found] == [e.frame for e in expected]
    if limit.duration_s:
        for path in recorder.paths:
            times = [entry.time_s for entry in read_frames(ReadState(path))]
            assert times[-1] - times[0] <= limit.duration_s


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        ("500MB", Limit(size_bytes=500_000_000)),
        ("1.5gb", Limit(size_bytes=1_500_000_000)),
        ("2 TB", Limit(size_bytes=2_000_000_000_000)),
        ("20kb", Limit(size_bytes=20_000)),
        ("10min", Limit(duration_s=600)),
        ("90 s", Limit(duration_s=90)),
        ("5sec", Limit(duration_s=5)),
        ("2h", Limit(duration_s=7200)),
    ],
)
def test_a_limit_is_a_size_or_a_time(text: str, limit: Limit) -> None:
    assert parse_limit(text) == limit


@pytest.mark.parametrize("text", ["", "10", "MB", "10 bananas", "-5MB", "0min", "0MB", "1kB", "5m"])
def test_a_limit_that_makes_no_sense_is_refused_with_examples(text: str) -> None:
    with pytest.raises(UsageError, match=r"500MB.*10min"):
        parse_limit(text)
