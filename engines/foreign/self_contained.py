"""Does an ONNX file point outside itself? Its protobuf is walked, nothing is loaded.

Weights may lie in other files (``external_data``), whose names the file chooses: what a backend
reads there comes out as scores. A model file is self-contained, so any such place is enough to
refuse it: initialisers, sparse ones, attributes, nested graphs, functions, training graphs.

Source: onnx.proto, ONNX 1.18, for the field numbers.
"""

from __future__ import annotations

from collections.abc import Iterator
from mmap import ACCESS_READ, mmap
from pathlib import Path

from steadypose.engines.foreign.files import open_regular

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_MODEL, _GRAPH, _NODE, _ATTRIBUTE, _TENSOR, _SPARSE, _FUNCTION, _TRAINING = range(8)
# Which fields of a message hold further messages that are looked into.
_INSIDE: tuple[dict[int, int], ...] = (
    {7: _GRAPH, 20: _TRAINING, 25: _FUNCTION},
    {1: _NODE, 5: _TENSOR, 15: _SPARSE},
    {5: _ATTRIBUTE},
    {5: _TENSOR, 6: _GRAPH, 10: _TENSOR, 11: _GRAPH, 22: _SPARSE, 23: _SPARSE},
    {},
    {1: _TENSOR, 2: _TENSOR},
    {7: _NODE, 11: _ATTRIBUTE},
    {1: _GRAPH, 2: _GRAPH},
)
_OP_TYPE = 4  # of a node
_EXTERNAL_DATA, _DATA_LOCATION = 13, 14  # of a tensor
_CONTEXT = b"EPContext"  # of a node: a backend's compiled code, in a file of its own


def places_outside(data: mmap | bytes) -> Iterator[str]:
    """What an ONNX file takes from elsewhere: names of files, empty where none is given.

    Raises:
        ValueError, IndexError: It is no protobuf.
    """
    waiting = [(_MODEL, 0, len(data))]
    while waiting:
        kind, position, end = waiting.pop()
        inside = _INSIDE[kind]
        for number, start, stop in _places(data, position, end):
            if number in inside:
                if stop >= 0:
                    waiting.append((inside[number], start, stop))
            elif kind == _TENSOR and number == _EXTERNAL_DATA:
                yield _location(data, start, stop)
            elif kind == _TENSOR and number == _DATA_LOCATION and start:
                yield ""
            elif kind == _NODE and number == _OP_TYPE and data[start:stop] == _CONTEXT:
                yield _CONTEXT.decode()


def reads_beyond_its_folder(path: Path) -> str:
    """Of a foreign ONNX file: what it takes that is no plain file beside it; empty: nothing.

    Raises:
        OSError: It cannot be read.
        ValueError, IndexError: It is no protobuf.
    """
    with open_regular(path) as file, mmap(file.fileno(), 0, access=ACCESS_READ) as data:
        for name in places_outside(data):
            beside = path.with_name(name) if name and _is_plain(name) else None
            if name and (beside is None or beside.is_symlink() or beside.is_fifo()):
                return ascii(name[:80])
    return ""


def _is_plain(name: str) -> bool:
    return name not in {".", "..", _CONTEXT.decode()} and not set(name) & set("/\\:\0*")


def fields(data: mmap | bytes, position: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Yield (field number, start, end) of every length-delimited field.

    Raises:
        ValueError, IndexError: It is no protobuf.
    """
    for number, start, stop in _places(data, position, end):
        if stop >= 0:
            yield number, start, stop


def _places(data: mmap | bytes, position: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Yield (field number, start, end), and (field number, value, -1) of whole numbers."""
    while position < end:
        key = data[position]
        position += 1
        if key > 127:
            key, position = _varint(data, position - 1, end)
            if key >> 32:  # parsers cut it, and see another field
                raise ValueError("not a protobuf field")
        wire = key & 7
        if wire == _BYTES:
            size, position = _varint(data, position, end)
            if position + size > end:
                raise ValueError("truncated")
            yield key >> 3, position, position + size
            position += size
        elif wire == _VARINT:
            value, position = _varint(data, position, end)
            yield key >> 3, value, -1
        elif wire in {_FIXED64, _FIXED32}:
            position += 8 if wire == _FIXED64 else 4
        else:
            raise ValueError("not a protobuf wire type")
    if position != end:
        raise ValueError("truncated")


def _varint(data: mmap | bytes, position: int, end: int) -> tuple[int, int]:
    value = shift = 0
    while position < end and shift < 64:
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7
    raise ValueError("truncated")


def _location(data: mmap | bytes, start: int, stop: int) -> str:
    """The file that an entry of ``external_data`` names, if it names one."""
    entry = {number: data[a:b] for number, a, b in fields(data, start, stop)}
    return entry.get(2, b"").decode(errors="replace") if entry.get(1) == b"location" else ""
