"""The benchmark's graphs, completed on a machine that has neither torch nor onnx.

``graphs.zip`` holds each graph without its large weights: they are taken from the model file
that ships, or, where a network has none, drawn at random with the spread of a calm network's,
because the time does not depend on them. ``making`` makes the archive.

Serialised protobuf messages are joined by appending one to the other, so weights are appended.

Source: onnx.proto, ONNX 1.18, for the field numbers; "Encoding", protobuf.dev, for the joining.
"""

from __future__ import annotations

import json
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from steadypose.engines.errors import ModelFileError
from steadypose.engines.file_io import replace_file
from steadypose.engines.foreign.self_contained import fields
from steadypose.realtime.model.places import MODELS

ARCHIVE = Path(__file__).with_name("graphs.zip")
# ONNX's numbers of the types.
TYPES: dict[int, Any] = {1: np.float32, 3: np.int8, 10: np.float16}
_GRAPH, _INITIALIZER = 7, 5
_DIMS, _TYPE, _NAME, _RAW = 1, 2, 8, 9
_LARGEST = {np.int8: 127.0, np.float16: 65504.0}


@dataclass(frozen=True, slots=True)
class Graph:
    """One graph of the archive.

    Attributes:
        network: Its network.
        precision: ``fp32``, ``fp16`` or ``int8``.
        spec: JSON of its model spec.
        convolutions: Names of its convolutions.
        nodes: Names of all nodes of the network.
        outside: Names of the others.
        weights: How each missing weight is made; see ``making``.
        source: The model file that its weights come from; empty: drawn at random.
    """

    network: str
    precision: str
    spec: str
    convolutions: tuple[str, ...]
    nodes: tuple[str, ...]
    outside: tuple[str, ...]
    weights: tuple[dict[str, Any], ...]
    source: str

    @property
    def name(self) -> str:
        """Of its entries in the archive, and of the completed file."""
        return f"{self.network}_{self.precision}"

    @property
    def has_real_weights(self) -> bool:
        """Whether its keypoints mean anything here."""
        return bool(self.source) and (MODELS / self.source).exists()


def read_graph(network: str, precision: str) -> Graph:
    """What the archive says of a graph."""
    with zipfile.ZipFile(ARCHIVE) as archive:
        told = json.loads(archive.read(f"{network}_{precision}.json"))
    for key in ("convolutions", "nodes", "outside", "weights"):
        told[key] = tuple(told[key])
    return Graph(network, precision, **told)


def complete(graph: Graph, folder: Path) -> Path:
    """Write the graph with all weights; returns the file.

    Raises:
        ModelFileError: The model file of its weights is another one.
        OSError: The disk refuses.
    """
    with zipfile.ZipFile(ARCHIVE) as archive:
        skeleton = archive.read(f"{graph.name}.onnx")
        factors = np.frombuffer(archive.read(f"{graph.name}.factors"), np.float32)
    source = read_tensors(MODELS / graph.source) if graph.has_real_weights else {}
    path = folder / f"{graph.name}.onnx"

    def write(fresh: Path) -> None:
        with fresh.open("wb") as file:
            file.write(skeleton)
            for value, told in _values(graph, source, factors):
                file.write(_field(_GRAPH, _field(_INITIALIZER, tensor(value, told["name"]))))

    replace_file(path, write)
    return path


def _values(
    graph: Graph, source: dict[str, bytes], factors: NDArray[np.float32]
) -> Iterator[tuple[NDArray[Any], dict[str, Any]]]:
    for told in graph.weights:
        if not source:
            yield _random(told), told
            continue
        data = source.get(told["from"])
        count = int(np.prod(told["dims"]))
        if data is None or len(data) not in {2 * count, 4 * count}:
            raise ModelFileError(
                f"{graph.source} is not the model file that {ARCHIVE.name} was made from",
                fix="run python -m benchmarks.gpu.making",
            )
        stored = np.frombuffer(data, np.float16 if len(data) == 2 * count else np.float32)
        first = told["factors"]
        scale = factors[first : first + told["channels"]]
        yield scaled(stored.reshape(told["dims"]), scale, told["axis"], TYPES[told["type"]]), told


def scaled(stored: NDArray[Any], scale: NDArray[np.float32], axis: int, kind: Any) -> NDArray[Any]:
    """Weights times a factor for each channel of ``axis``, in another type."""
    shape = [-1 if place == axis else 1 for place in range(stored.ndim)]
    return _as(stored.astype(np.float64) * scale.astype(np.float64).reshape(shape), kind)


def _random(told: dict[str, Any]) -> NDArray[Any]:
    """Drawn from the name, so that every machine draws the same."""
    generator = np.random.default_rng(zlib.crc32(told["name"].encode()))
    drawn = generator.standard_normal(told["dims"], np.float32)
    return _as(drawn * np.float32(told["std"]) + np.float32(told["mean"]), TYPES[told["type"]])


def _as(value: NDArray[Any], kind: Any) -> NDArray[Any]:
    most = _LARGEST.get(kind)
    if most is not None:
        value = np.clip(value, -most, most)
    return (np.rint(value) if kind is np.int8 else value).astype(kind)


def read_tensors(path: Path) -> dict[str, bytes]:
    """The raw weights of an ONNX file, by name."""
    data = path.read_bytes()
    found: dict[str, bytes] = {}
    for number, start, end in fields(data, 0, len(data)):
        if number != _GRAPH:
            continue
        for inner, first, last in fields(data, start, end):
            if inner == _INITIALIZER:
                parts = {n: data[a:b] for n, a, b in fields(data, first, last)}
                found[parts.get(_NAME, b"").decode()] = parts.get(_RAW, b"")
    return found


def tensor(value: NDArray[Any], name: str) -> bytes:
    """A serialised TensorProto."""
    kind = next(number for number, known in TYPES.items() if known == value.dtype)
    dims = b"".join(_varint(_DIMS << 3) + _varint(size) for size in value.shape)
    return (
        dims
        + _varint(_TYPE << 3)
        + _varint(kind)
        + _field(_NAME, name.encode())
        + _field(_RAW, np.ascontiguousarray(value).tobytes())
    )


def _field(number: int, data: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def _varint(value: int) -> bytes:
    made = bytearray()
    while value > 0x7F:
        made.append(value & 0x7F | 0x80)
        value >>= 7
    made.append(value)
    return bytes(made)
