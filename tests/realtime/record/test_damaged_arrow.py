"""What fuzzing found in Parquet files and journals: pyarrow believes what stands in a file."""

from __future__ import annotations

from pathlib import Path

import pytest

from steadypose.engines.errors import RecordError, UsageError
from steadypose.engines.skeletons.people import COCO17
from steadypose.realtime.record.formats.journal import arrow, schema
from steadypose.realtime.record.formats.parquet import ParquetSink
from steadypose.realtime.record.formats.reading import read_recording
from tests.realtime.record.test_formats import random_run

pa = pytest.importorskip("pyarrow")


def test_an_index_beyond_its_dictionary_is_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "x.journal"
    made = schema(arrow("x"), COCO17)
    rows = len(COCO17)
    indices = pa.array([28] * rows, pa.int8())
    columns = []
    for field in made:
        if pa.types.is_dictionary(field.type):
            names = pa.array(COCO17.keypoints)
            columns.append(pa.DictionaryArray.from_arrays(indices, names, safe=False))
        else:
            columns.append(pa.array([1] * rows, field.type))
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_stream(file, made) as writer:
        writer.write_batch(pa.RecordBatch.from_arrays(columns, schema=made))
    with pytest.raises(RecordError, match="damaged"):
        read_recording(path)


def test_a_column_whose_name_is_no_text_is_a_sentence(tmp_path: Path) -> None:
    sink = ParquetSink(tmp_path / "x.parquet", COCO17)
    for entry in random_run(5, 6):
        sink.add(entry)
    sink.flush()
    healthy = (tmp_path / "x.parquet.journal").read_bytes()
    assert b"raw_x" in healthy
    spoilt = tmp_path / "y.journal"
    spoilt.write_bytes(healthy.replace(b"raw_x", b"\xff\xffw_x"))
    with pytest.raises(RecordError, match="damaged"):
        read_recording(spoilt)


def test_a_name_that_pyarrow_cannot_open_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no text"):
        ParquetSink(tmp_path / "\udcff.parquet", COCO17)
