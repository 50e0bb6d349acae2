"""What a server says of its model, and whether that is the one we have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from steadypose.engines.errors import EngineError, ModelFileError
from steadypose.engines.spec import ModelSpec

INPUT, OUTPUT = "crops", "keypoints"
SHA256 = "steadypose.sha256"
"""Parameter of a served model: the checksum of the model file that it was made of."""


@dataclass(frozen=True, slots=True)
class Tensor:
    """An input or output of a served model; -1 in the shape is any number."""

    name: str
    datatype: str
    shape: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Served:
    """What a server says of a model.

    Attributes:
        inputs: As the protocol has them.
        outputs: Likewise.
        parameters: Texts of the model's configuration, where the server tells it.
        most: Largest batch; None: not told.
    """

    inputs: Sequence[Tensor]
    outputs: Sequence[Tensor]
    parameters: Mapping[str, str] = field(default_factory=dict)
    most: int | None = None


class Unreachable(EngineError):  # noqa: N818 - a kind of answer, not a mistake
    """Nobody answers there, or not in time."""


class TooLate(Unreachable):
    """Somebody is there who does not answer in time; the connection stands."""


class Client(Protocol):
    """A connection to one server; used on one thread."""

    def describe(self, model: str, *, timeout_s: float) -> Served:
        """What the server says of a model.

        Raises:
            Unreachable: It does not answer.
            EngineError: It has no such model.
        """
        ...

    def infer(
        self, model: str, crops: NDArray[np.uint8], *, timeout_s: float
    ) -> NDArray[np.float32]:
        """What the model finds in (N, H, W, 3) crops.

        Raises:
            Unreachable: It does not answer in time.
            EngineError: It refuses.
        """
        ...

    def close(self) -> None:
        """End the connection."""
        ...


def check_served(served: Served, spec: ModelSpec, *, model: str, where: str, sha256: str) -> None:
    """Refuse a served model that is not ours.

    Args:
        served: What the server says.
        spec: Of the model file here.
        model: Its name on the server.
        where: The server, for people.
        sha256: Of the model file here.

    Raises:
        ModelFileError: Names, types, shapes or checksum differ.
    """
    height, width = spec.input_hw
    wanted = (
        (served.inputs, Tensor(INPUT, "UINT8", (-1, height, width, 3))),
        (served.outputs, Tensor(OUTPUT, "FP32", (-1, spec.output_rows, 3))),
    )
    for found, want in wanted:
        given = next((tensor for tensor in found if tensor.name == want.name), None)
        if given is None:
            names = ", ".join(tensor.name for tensor in found) or "none"
            raise _another(model, where, f"it has no {want.name!r} (but {names})")
        is_same = given.datatype == want.datatype and len(given.shape) == len(want.shape)
        pairs = zip(given.shape, want.shape, strict=False)
        if not is_same or any(-1 not in (a, b) and a != b for a, b in pairs):
            what = f"{want.name!r} is {given.datatype} {list(given.shape)} there"
            raise _another(model, where, f"{what}, here {want.datatype} {list(want.shape)}")
    other = served.parameters.get(SHA256, sha256)
    if other != sha256:
        what = f"it was made of a file with SHA-256 {other[:12]}, the one here has {sha256[:12]}"
        raise _another(model, where, what)


def check_rows(found: object, shape: tuple[int, ...], *, where: str) -> None:
    """Refuse an answer that is not what the model gives.

    Args:
        found: What came, an array if all is well.
        shape: Wanted.
        where: The server, for people.

    Raises:
        EngineError: It is no float32 array of this shape.
    """
    if not isinstance(found, np.ndarray):
        what = f"no {OUTPUT!r}"
    elif found.dtype != np.float32 or found.shape != shape:
        what = f"{found.dtype} {list(found.shape)} where float32 {list(shape)} is wanted"
    else:
        return
    raise EngineError(f"{where} answers {what}", fix="check what serves the model there")


def _another(model: str, where: str, why: str) -> ModelFileError:
    return ModelFileError(
        f"the model {model!r} on {where} is another than the one here: {why}",
        fix="give --model what the server serves, --server-model its name there, or write the "
        "server's repository again from the file here",
    )
