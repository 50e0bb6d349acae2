"""Read the ModelSpec out of a model file without loading the network.

Only the outermost message of the ONNX protobuf is walked, so this costs
microseconds, needs no ONNX package, and can say what is wrong with a foreign or
damaged file before a backend is asked.
"""

from __future__ import annotations

from collections.abc import Iterator
from mmap import ACCESS_READ, mmap
from pathlib import Path

from steadypose.engines import advice
from steadypose.engines.errors import ModelFileError
from steadypose.engines.spec import METADATA_KEY, ModelSpec

# Field numbers of ModelProto, OperatorSetIdProto and StringStringEntryProto (onnx.proto).
_GRAPH, _OPSET_IMPORT, _METADATA_PROPS = 7, 8, 14
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


def read_spec(path: Path) -> ModelSpec:
    """Find the contract of a model file.

    Args:
        path: An ONNX file made by ``export/export_onnx.py``.

    Raises:
        ModelFileError: Missing, empty, truncated, not ONNX, or ONNX that nobody
            wrapped in our contract.
    """
    metadata = read_metadata(path)
    if METADATA_KEY not in metadata:
        raise ModelFileError(
            f"{path} is an ONNX file but not a steadypose model file: it has no model spec",
            fix=advice.wrap(path),
        )
    return ModelSpec.from_json(metadata[METADATA_KEY])


def read_metadata(path: Path) -> dict[str, str]:
    """The ``metadata_props`` of an ONNX file.

    Raises:
        ModelFileError: Missing, empty, truncated or not ONNX.
    """
    metadata: dict[str, str] = {}
    has_graph = False
    try:
        with path.open("rb") as file, mmap(file.fileno(), 0, access=ACCESS_READ) as data:
            for number, start, end in _fields(data, 0, len(data)):
                has_graph = has_graph or number == _GRAPH
                if number == _METADATA_PROPS:
                    entry = {n: data[a:b].decode() for n, a, b in _fields(data, start, end)}
                    metadata[entry.get(1, "")] = entry.get(2, "")
    except OSError as error:
        raise ModelFileError(
            f"cannot read model file {path}: {error.strerror}",
            fix="check the path given to --model, or leave it out to use the default model",
        ) from error
    except (ValueError, IndexError) as error:  # an empty file, or bytes that are not protobuf
        raise _not_onnx(path) from error
    if not has_graph:
        raise _not_onnx(path)
    return metadata


def _not_onnx(path: Path) -> ModelFileError:
    return ModelFileError(
        f"{path} is not an ONNX file, or is damaged or cut short",
        fix=advice.COPY_OR_RESTORE,
    )


def _fields(data: mmap, position: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Yield (field number, start, end) of every length-delimited field."""
    while position < end:
        key, position = _varint(data, position, end)
        wire = key & 7
        if wire == _BYTES:
            size, position = _varint(data, position, end)
            if position + size > end:
                raise ValueError("truncated")
            yield key >> 3, position, position + size
            position += size
        elif wire == _VARINT:
            _, position = _varint(data, position, end)
        elif wire in {_FIXED64, _FIXED32}:
            position += 8 if wire == _FIXED64 else 4
        else:
            raise ValueError("not a protobuf wire type")
    if position != end:
        raise ValueError("truncated")


def _varint(data: mmap, position: int, end: int) -> tuple[int, int]:
    value = shift = 0
    while position < end and shift < 64:
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7
    raise ValueError("truncated")
