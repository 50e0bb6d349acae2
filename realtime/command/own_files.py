"""Which files a run of this program wrote: only those are replaced without being asked."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

from steadypose.engines.engine_file import SUFFIX, sidecar_of
from steadypose.engines.errors import ModelFileError
from steadypose.engines.model_file import read_metadata
from steadypose.engines.spec import METADATA_KEY
from steadypose.realtime.record.formats.csv_rows import LONG_HEAD, SOURCE, WIDE_HEAD
from steadypose.realtime.record.formats.trc import TRC_HEAD
from steadypose.realtime.record.picture import JPEG, MADE_BY, PNG
from steadypose.realtime.record.sidecar import find_sidecar, read_sidecar

_PIECE = 1 << 16  # bytes of the beginning and of the end that are looked at
_DESCRIBED = re.compile(rb'\{\s*"format"\s*:\s*"steadypose"')
_CSV = tuple(
    ",".join([*of, *head]).encode() for head in (WIDE_HEAD, LONG_HEAD) for of in ((), (SOURCE,))
)
_TRC = (b"PathFileType\t4\t(X/Y/Z)\t", "\t".join(TRC_HEAD).encode())
_FLAT = {b"", b"nan", b"0.00", b"0.00000"}  # the third coordinate, of which a camera knows nothing
_FIGURES = (b'"cpu_ms_per_frame"', b'"engine_ms_p50"', b'"stages_ms"')
_ENGINE = (b'"onnx_sha256"', b'"plan_sha256"')
_LABELS = {"image.npy", "keypoints.npy", "bbox_xyxy.npy"}
_PLANS = (b"ftrt", b"ptrt")
BAD = ".bad"
"""End of the name of an engine that failed its proof."""
_RESULT = re.compile(rb"`python -m [^\n]*`  \nmachine: ")
_RECIPE = b'{\n "recipe": {'


def is_ours(path: Path) -> bool:
    """Whether a run of this program wrote a file, as far as its content tells.

    Args:
        path: Any file; what cannot be read is nobody's.
    """
    try:
        with path.open("rb") as file:
            head = file.read(_PIECE)
            file.seek(max(0, path.stat().st_size - _PIECE))
            tail = file.read()
    except OSError:
        return False
    return (
        _is_table(head, tail)
        or _is_film(path, head)
        or (head.startswith((JPEG, PNG)) and MADE_BY.encode() in head)
        or _is_text(head)
        or read_sidecar(path) != {}
        or _is_for_engines(path, head)
        or _is_of_training(path, head)
    )


def _is_table(head: bytes, tail: bytes) -> bool:
    """A recording: CSV, JSON lines, Parquet or its journal."""
    if head.startswith(b"PAR1"):
        return tail.endswith(b"PAR1") and b"steadypose" in tail
    if head.startswith(b"\xff\xff\xff\xff"):
        return b"steadypose" in head
    return head.startswith(_CSV) or _DESCRIBED.match(head) is not None


def _is_film(path: Path, head: bytes) -> bool:
    """An annotated video; of those that do not say so, what a sidecar lists."""
    if head[4:8] != b"ftyp":
        return False
    return MADE_BY.encode() in head or (b"mvex" in head and find_sidecar(path) is not None)


def _is_text(head: bytes) -> bool:
    """A report, the figures of a run, a result of a benchmark, or markers."""
    if head.startswith(b"<!DOCTYPE html>"):
        return b" - steadypose report</title>" in head
    lines = head.split(b"\n", 7)
    if len(lines) > 7 and lines[0].startswith(_TRC[0]) and lines[1] == _TRC[1]:
        return _FLAT.issuperset(lines[6].split(b"\t")[4::3])
    is_result = _RESULT.match(head) is not None
    return is_result or (head.startswith(b"{") and all(key in head for key in _FIGURES))


def _is_for_engines(path: Path, head: bytes) -> bool:
    """A model file, an engine, its sidecar, or a bare plan."""
    if head.startswith(_PLANS) or _is_engine_sidecar(head):
        return True
    engine = path.with_name(path.name.removesuffix(BAD))
    if engine.suffix == SUFFIX:
        beside = sidecar_of(engine)
        return _is_engine_sidecar(
            _begin_of(beside.with_name(beside.name + path.name[len(engine.name) :]))
        )
    try:
        return head.startswith(b"\x08") and METADATA_KEY in read_metadata(path)
    except ModelFileError:
        return False


def _is_engine_sidecar(head: bytes) -> bool:
    return head.startswith(b"{") and all(key in head for key in _ENGINE)


def _begin_of(path: Path) -> bytes:
    """The beginning of a file beside; nothing where it cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(_PIECE)
    except OSError:
        return b""


def _is_of_training(path: Path, head: bytes) -> bool:
    """Weights with their recipe, the recipe, or a rendered pack and its labels."""
    if head.startswith(b"PK"):
        if _begin_of(path.with_suffix(".json")).startswith(_RECIPE):
            return True
        try:
            with zipfile.ZipFile(path) as archive:
                return set(archive.namelist()) == _LABELS
        except (OSError, ValueError, zipfile.BadZipFile):
            return False
    return head.startswith(_RECIPE) or (head.startswith(b"people_0") and b"ustar" in head[:512])
