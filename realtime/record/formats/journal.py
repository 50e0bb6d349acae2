"""The journal of a Parquet file: an Arrow stream of which every whole batch counts."""

from __future__ import annotations

import json
from collections.abc import Generator
from importlib import import_module
from pathlib import Path
from typing import Any

from steadypose.engines.errors import UsageError
from steadypose.engines.skeletons.skeleton import Skeleton
from steadypose.engines.wording.advice import install
from steadypose.engines.wording.printable import is_text
from steadypose.realtime.record.formats.entry import description

JOURNAL = ".journal"


def arrow(option: str, path: Path | None = None) -> Any:
    """The pyarrow package with its parts, for a file that it can name.

    Raises:
        UsageError: It is not installed, or cannot name the file.
    """
    if path is not None and not is_text(path):
        raise UsageError(f"the bytes of {path} are no text", fix="give it another name")
    try:
        for part in ("pyarrow.ipc", "pyarrow.parquet"):
            import_module(part)
        return import_module("pyarrow")
    except ImportError as error:
        raise UsageError(
            f"{option} needs pyarrow, which is not installed",
            fix=install("requirements-record.txt"),
        ) from error


def journal_path(path: Path) -> Path:
    """Where a Parquet file is while it is being recorded."""
    return path.with_name(f"{path.name}{JOURNAL}")


def schema(pa: Any, skeleton: Skeleton) -> Any:
    """The columns, with the file's description as metadata ``steadypose``."""
    name, state = (pa.dictionary(size, pa.string()) for size in (pa.int16(), pa.int8()))
    columns = {"frame": pa.int64(), "time_s": pa.float64(), "person": pa.int32()}
    columns |= {"keypoint": name, "x": pa.float64(), "y": pa.float64(), "score": pa.float64()}
    columns |= {"raw_x": pa.float64(), "raw_y": pa.float64(), "state": state}
    return pa.schema(columns, metadata={"steadypose": json.dumps(description(skeleton))})


def whole_batches(pa: Any, file: Any) -> Generator[Any, None, bool]:
    """The whole batches of a journal, one after another.

    Args:
        pa: pyarrow.
        file: A journal, open for reading; may end anywhere.

    Returns:
        A generator of record batches; its value is whether something was cut off.

    Raises:
        pyarrow.ArrowInvalid: The file does not begin as a journal does.
    """
    stream = pa.ipc.open_stream(file)
    while True:
        try:
            yield stream.read_next_batch()
        except StopIteration:
            return False
        except (pa.ArrowInvalid, OSError):
            return True
