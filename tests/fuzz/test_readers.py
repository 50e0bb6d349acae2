"""A few inputs for each reader; `make fuzz` tries them for as long as it is given."""

from __future__ import annotations

import os
import struct
import subprocess
import time
import tracemalloc
from pathlib import Path

import pytest

from steadypose.engines.foreign.texts import read_json
from tests.fuzz.readers import READERS
from tests.fuzz.trying import TooSlow, at_most, read_one, try_reader

HERE = [
    pytest.param(name, marks=[pytest.mark.export] if reader.package == "torch" else [])
    for name, reader in READERS.items()
]


@pytest.mark.parametrize("name", HERE)
def test_healthy_bytes_are_read(name: str, tmp_path: Path) -> None:
    reader = READERS[name]
    pytest.importorskip(reader.package)
    for data in reader.samples():
        path = tmp_path / f"x{reader.suffix}"
        path.write_bytes(data)
        reader.read(path)


@pytest.mark.parametrize("name", HERE)
def test_spoilt_bytes_are_a_result_or_a_sentence(name: str) -> None:
    pytest.importorskip(READERS[name].package)
    try_reader(READERS[name], examples=25, start=1)


MATLAB = b"MATLAB 5.0".ljust(124) + b"\x00\x01IM"


def number(kind: int, data: bytes = bytes(8)) -> bytes:
    return struct.pack("<II", kind, len(data)) + data


def matrix(kind: int, content: bytes, dims: tuple[int, ...] = (1, 1)) -> bytes:
    head = number(6, struct.pack("<II", kind, 0))
    head += number(5, struct.pack(f"<{len(dims)}i", *dims))
    return number(14, head + number(1, b"joints\x00\x00") + content)


def nested(depth: int) -> bytes:
    """A cell that holds a cell that holds a cell."""
    made = matrix(6, number(9))
    head = len(matrix(1, b""))
    sizes = range(len(made) + head * (depth - 1), len(made) - 1, -head)
    return (
        b"".join(
            matrix(1, b"")[:4] + struct.pack("<I", size + head - 8) + matrix(1, b"")[8:]
            for size in sizes
        )
        + made
    )


FOUND: dict[str, list[bytes]] = {
    # A length of a gigabyte in a few bytes; a version that torch warns of.
    # A name in which torch searches for ever.
    "weights": [
        b"\x80\x02X1e99\x05\x00\x00\x00shortq\x05.",
        b"\x80\x01N.",
        b"\x80\x02ctorch._utils" + b"{" * 40_000 + b"\n_rebuild_tensor_v2\nq\x00.",
    ],
    # Errors of scipy's own; numbers of a type that is none, cells in cells, letters of a type that
    # is none, a text without a length: it crashed.
    "matlab_labels": [
        *(b"", bytes(200), MATLAB + matrix(6, number(106)), MATLAB + nested(30_000)),
        *(MATLAB + matrix(4, number(kind)) for kind in (0, 8, 14, 106)),
        MATLAB + matrix(4, number(16), dims=()),
    ],
}


@pytest.mark.parametrize(
    ("name", "data"), [(name, data) for name, found in FOUND.items() for data in found]
)
def test_what_was_found_once_stays_mended(name: str, data: bytes, tmp_path: Path) -> None:
    pytest.importorskip(READERS[name].package)
    read_one(READERS[name], tmp_path / f"x{READERS[name].suffix}", data)


def test_no_more_room_is_made_than_a_file_needs(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text("{}")
    tracemalloc.start()
    try:
        assert read_json(path, most_bytes=1 << 30) == {}
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 10 << 20


@pytest.mark.posix("alarms")
def test_a_reader_that_sleeps_is_ended_and_one_that_others_keep_from_working_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(TooSlow), at_most(1):
        time.sleep(5.0)
    starved_s = iter([0.0, 0.9, 0.9])  # at the beginning, and at each alarm
    monkeypatch.setattr("tests.fuzz.trying._starved_s", lambda: next(starved_s))
    begin_s = time.monotonic()
    with pytest.raises(TooSlow), at_most(1):
        while time.monotonic() < begin_s + 10.0:
            time.sleep(0.05)
    assert time.monotonic() - begin_s > 1.8


@pytest.mark.posix("signals")
def test_a_reader_that_was_stopped_meanwhile_is_not_ended() -> None:
    me = os.getpid()
    others = f"sleep 0.3; kill -STOP {me}; sleep 2.5; kill -CONT {me}"
    with subprocess.Popen(["/bin/sh", "-c", others]), at_most(2):
        begin_s = time.monotonic()
        while time.monotonic() < begin_s + 2.5:
            time.sleep(0.05)
