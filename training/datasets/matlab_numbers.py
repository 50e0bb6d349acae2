"""Look through a Matlab file before scipy reads it, which crashes where numbers are none.

scipy takes the type of an array's numbers or letters as a place in a table, whatever it is, looks
for a text's length before its first dimension where there is none, and follows cells in cells
however deep they are.
"""

from __future__ import annotations

import struct
import zlib
from contextlib import suppress
from itertools import repeat
from math import prod
from pathlib import Path
from typing import BinaryIO, Literal, Protocol

_HEAD_BYTES, _ORDER_AT = 128, 126
_ORDERS = {b"IM": "<", b"MI": ">"}
_MATRIX, _COMPRESSED = 14, 15
_NUMBERS = frozenset({1, 2, 3, 4, 5, 6, 7, 9, 12, 13, 16, 17, 18})
_CELL, _STRUCT, _OBJECT, _CHAR, _SPARSE, _FUNCTION, _OPAQUE = 1, 2, 3, 4, 5, 16, 17
_ARRAYS = range(6, 16)
_DEEPEST = 50
_CHUNK = 1 << 20
_DIM_BYTES = 4


class _Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


class _Inflated:
    """What a compressed variable holds, a piece at a time."""

    def __init__(self, data: bytes) -> None:
        self._rest, self._inflate = data, zlib.decompressobj()

    def read(self, size: int, /) -> bytes:
        found = bytearray()
        while len(found) < size and not self._inflate.eof:
            piece = self._inflate.decompress(self._rest, size - len(found))
            self._rest = self._inflate.unconsumed_tail
            if not piece:
                break
            found += piece
        return bytes(found)


def check_numbers(path: Path) -> None:
    """Refuse a file that would crash scipy; of what else is wrong scipy tells.

    Raises:
        ValueError: Numbers or letters have a type that is none, a text has no length, or cells lie
            in cells too deep.
        OSError: It cannot be read.

    Source:
        MathWorks, "MAT-File Format", level 5.
    """
    with path.open("rb") as file:
        order = _ORDERS.get(file.read(_HEAD_BYTES)[_ORDER_AT:])
        if order is None:
            return
        try:
            while True:
                _variable(file, order)
        except EOFError:
            return


def _variable(file: BinaryIO, order: str) -> None:
    kind, size = struct.unpack(f"{order}II", _exactly(file, 8))
    end = file.tell() + size
    if kind == _COMPRESSED:
        with suppress(EOFError, zlib.error):  # scipy may go on to the next
            _Walk(_Inflated(file.read(size)), order).matrix(0)
    elif kind == _MATRIX:
        with suppress(EOFError):
            _Walk(file, order).content(0)
    file.seek(end)


class _Walk:
    """Passes over what scipy reads, in its order."""

    def __init__(self, source: _Readable, order: str) -> None:
        self._source, self._order = source, order

    def matrix(self, depth: int) -> None:
        """An array with its tag."""
        kind, size = struct.unpack(f"{self._order}II", _exactly(self._source, 8))
        if kind != _MATRIX:
            raise EOFError  # scipy says so
        if size:
            self.content(depth)

    def content(self, depth: int) -> None:
        """An array behind its tag."""
        if depth > _DEEPEST:
            raise ValueError(f"cells in cells, more than {_DEEPEST} deep")
        _exactly(self._source, 8)
        (flags,) = struct.unpack(f"{self._order}I", _exactly(self._source, 8)[:4])
        kind, is_complex = flags & 0xFF, flags >> 11 & 1
        if kind == _OPAQUE:
            for _ in repeat(None, 3):
                self._element()
            self.matrix(depth + 1)
            return
        dims = self._element()[1]
        whole = len(dims) // _DIM_BYTES
        count = prod(struct.unpack(f"{self._order}{whole}i", dims[: whole * _DIM_BYTES]))
        self._element()  # the name
        if kind in _ARRAYS or kind == _SPARSE:
            for _ in repeat(None, 1 + is_complex + 2 * (kind == _SPARSE)):
                number, _ = self._element()
                if number not in _NUMBERS:
                    raise ValueError(f"numbers of type {number}, which is none")
        elif kind == _CHAR:
            self._letters(has_length=whole > 0)
        elif kind == _FUNCTION:
            self.matrix(depth + 1)
        elif kind in {_CELL, _STRUCT, _OBJECT}:
            self._items(kind, count, depth)

    def _letters(self, *, has_length: bool) -> None:
        kind, text = self._element()
        if text and not (has_length and kind in _NUMBERS):
            raise ValueError("text of a type that is none, or without a length")

    def _items(self, kind: int, count: int, depth: int) -> None:
        if kind == _OBJECT:
            self._element()
        if kind != _CELL:
            length = int.from_bytes(self._element()[1][:4], _endian(self._order))
            names = self._element()[1]
            count *= len(names) // max(1, length)
        for _ in range(count):
            self.matrix(depth + 1)

    def _element(self) -> tuple[int, bytes]:
        """Type of an element, and its bytes; of a long one the first."""
        head = _exactly(self._source, 8)
        first, size = struct.unpack(f"{self._order}II", head)
        if first >> 16:  # a small one, within its own tag
            return first & 0xFFFF, head[4 : 4 + min(4, first >> 16)]
        data = _exactly(self._source, min(size, _CHUNK))
        left = size - len(data) + -size % 8
        while left > 0:
            left -= len(_exactly(self._source, min(left, _CHUNK)))
        return first, data


def _endian(order: str) -> Literal["little", "big"]:
    return "little" if order == "<" else "big"


def _exactly(source: _Readable, size: int) -> bytes:
    data = source.read(size)
    if len(data) < size:
        raise EOFError
    return data
