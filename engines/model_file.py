"""Read the ModelSpec out of a model file without loading the network.

Only the ONNX protobuf's messages are walked, no weights, so this costs milliseconds, needs no
ONNX package, and can say what is wrong with a foreign or damaged file before a backend is asked.
"""

from __future__ import annotations

from mmap import ACCESS_READ, mmap
from pathlib import Path

from steadypose.engines.errors import ModelFileError
from steadypose.engines.foreign.files import open_regular
from steadypose.engines.foreign.self_contained import fields, places_outside
from steadypose.engines.spec import METADATA_KEY, ModelSpec
from steadypose.engines.wording import advice

# Field numbers of ModelProto, OperatorSetIdProto and StringStringEntryProto (onnx.proto).
_GRAPH, _OPSET_IMPORT, _METADATA_PROPS = 7, 8, 14
_ORT_MARK = b"ORTM"  # at byte 4: onnxruntime would read it as its own format, not as ONNX


def read_spec(path: Path) -> ModelSpec:
    """Find the contract of a model file.

    Args:
        path: An ONNX file made by ``export/export_onnx.py``.

    Raises:
        ModelFileError: Missing, empty, truncated, not ONNX, ONNX that nobody wrapped in our
            contract, or not self-contained.
    """
    metadata = read_metadata(path)
    if METADATA_KEY not in metadata:
        raise ModelFileError(
            f"{path} is an ONNX file but not a steadypose model file: it has no model spec",
            fix=advice.wrap(path),
        )
    return ModelSpec.from_json(metadata[METADATA_KEY])


def read_metadata(path: Path, *, is_foreign: bool = False) -> dict[str, str]:
    """The ``metadata_props`` of an ONNX file.

    Args:
        path: The file.
        is_foreign: It is not to be run as it is, and may have weights in a file beside it.

    Raises:
        ModelFileError: Missing, empty, truncated, not ONNX, or it points outside itself.
    """
    metadata: dict[str, str] = {}
    has_graph = False
    try:
        with open_regular(path) as file, mmap(file.fileno(), 0, access=ACCESS_READ) as data:
            for number, start, end in fields(data, 0, len(data)):
                has_graph = has_graph or number == _GRAPH
                if number == _METADATA_PROPS:
                    entry = {n: data[a:b].decode() for n, a, b in fields(data, start, end)}
                    metadata[entry.get(1, "")] = entry.get(2, "")
            outside = next(places_outside(data), None) if has_graph and not is_foreign else None
            has_graph = has_graph and data[4:8] != _ORT_MARK
    except OSError as error:
        raise ModelFileError(
            f"cannot read model file {path}: {error.strerror}",
            fix="check the path given to --model, or leave it out to use the default model",
        ) from error
    except (ValueError, IndexError) as error:  # an empty file, or bytes that are not protobuf
        raise _not_onnx(path) from error
    if not has_graph:
        raise _not_onnx(path)
    if outside is not None:
        named = f", {outside[:80]!a}" if outside else ""
        raise ModelFileError(
            f"{path} is not self-contained: part of it lies in another file{named}",
            fix=f"take one that is; a foreign network: {advice.wrap(path)}",
        )
    return metadata


def _not_onnx(path: Path) -> ModelFileError:
    return ModelFileError(
        f"{path} is not an ONNX file, or is damaged or cut short",
        fix=advice.COPY_OR_RESTORE,
    )
