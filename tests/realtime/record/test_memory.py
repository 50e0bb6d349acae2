"""What a finished file held goes back to the system."""

from __future__ import annotations

import contextlib
import errno
import gc
import sys
import threading
import weakref
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from benchmarks.common import own_mib
from steadypose.engines.errors import RecordError
from steadypose.engines.skeletons.people import COCO17
from steadypose.realtime.datatypes import Frame
from steadypose.realtime.record import memory
from steadypose.realtime.record.formats.entry import Entry
from steadypose.realtime.record.formats.parquet import ParquetSink
from steadypose.realtime.record.formats.tables import Table, find_table
from steadypose.realtime.record.memory import free_pages
from steadypose.realtime.record.outputs import Outputs
from steadypose.realtime.record.parts import Limit
from tests.conftest import make_pose


@pytest.mark.skipif(memory._trim() is None, reason="not glibc")
def test_pages_between_pieces_that_are_still_used_are_given_back() -> None:
    pieces = [np.ones(8_000) for _ in range(1_600)]  # 100 MB, each too small to be mapped alone
    kept = pieces[::50]
    del pieces
    before_mib = own_mib("RssAnon")
    free_pages()
    assert before_mib - own_mib("RssAnon") > 60.0
    assert len(kept) == 32


def test_elsewhere_nothing_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    assert memory._trim.__wrapped__() is None


def test_each_part_of_a_recording_is_followed_by_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make_frame: Callable[..., Frame]
) -> None:
    """After the part that has ended is let go, before the next is written."""
    calls: list[bool] = []
    for module in ("outputs", "recorder"):
        monkeypatch.setattr(
            f"steadypose.realtime.record.{module}.free_pages", lambda: calls.append(_is_loop())
        )
    outputs = Outputs(
        COCO17, 30.0, is_live=False, video=tmp_path / "a.mp4", split=Limit(duration_s=0.1)
    )
    for index in range(16):
        frame = make_frame(index, index * 0.03)
        outputs.write_poses(frame, [])
        outputs.write_picture(lambda frame=frame: frame.image_bgr, frame.time_s)  # type: ignore[misc]
    outputs.close()
    parts = list(tmp_path.glob("*.mp4"))
    assert len(parts) > 3
    assert calls == [*[False] * (len(parts) - 1), True], "the loop waits for none but the last"


def test_what_making_a_parquet_file_took_is_given_back_once_it_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    path, was_there = tmp_path / "a.parquet", []
    pool = SimpleNamespace(release_unused=lambda: was_there.append(path.exists()))
    monkeypatch.setattr(pyarrow, "default_memory_pool", lambda: pool)
    sink = ParquetSink(path, COCO17)
    sink.add(Entry(0, 0.0, (make_pose(),)))
    assert not was_there
    sink.close()
    assert was_there == [True]


def test_rows_that_wait_for_a_parquet_file_count_as_what_they_will_take(tmp_path: Path) -> None:
    """A limit of the size of a file would otherwise be passed by a second, or met too soon."""
    pytest.importorskip("pyarrow")
    sink = ParquetSink(tmp_path / "a.parquet", COCO17)
    sink.flush()
    empty = sink.size_bytes
    for index in range(500):
        sink.add(Entry(index, index / 30, (make_pose(),)))
    expected = sink.size_bytes - empty
    sink.flush()
    assert sink.size_bytes - empty == pytest.approx(expected, rel=0.1)
    sink.close()


class Kept:
    """Whatever a caller holds, such as a run."""


@pytest.mark.parametrize(
    ("of", "writes"),
    [
        ("table", "formats.whole_file.LineSink.flush"),
        ("video", "video.VideoSink._mux"),
        ("sidecar", "sidecar.replace_text"),
    ],
)
def test_a_run_that_a_full_disk_ended_is_let_go_at_once(
    of: str,
    writes: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    make_frame: Callable[..., Frame],
) -> None:
    """An error that its own frame holds would keep the run until Python looks for circles."""

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    def run() -> weakref.ref[Kept]:
        kept = Kept()
        outputs = Outputs(
            COCO17,
            30.0,
            is_live=False,
            tables=() if of == "video" else (Table(find_table("csv", "long"), tmp_path / "a.csv"),),
            video=tmp_path / "a.mp4" if of == "video" else None,
            run_info={},
        )
        frame = make_frame(0, 0.0)
        outputs.write_poses(frame, [make_pose()])
        outputs.write_picture(lambda: frame.image_bgr, frame.time_s)
        monkeypatch.setattr(f"steadypose.realtime.record.{writes}", full)
        with contextlib.suppress(RecordError):
            outputs.close()
            pytest.fail("it could be written")
        return weakref.ref(kept)

    gc.disable()
    try:
        assert run()() is None
    finally:
        gc.enable()


def _is_loop() -> bool:
    return threading.current_thread() is threading.main_thread()
