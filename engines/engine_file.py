"""A built TensorRT engine on disk: the plan, and a JSON sidecar that says what it is.

TensorRT's own plan says nothing that can be read without it, loads only under the exact
version and on the kind of GPU it was built for, and crashes or speaks in riddles
otherwise. The sidecar is compared first, so that a stale engine explains itself.
Loading a plan is running its code: the sidecar is signed by who built it (``foreign/signature``).
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from steadypose.engines.errors import EngineError, ModelFileError, RecordError
from steadypose.engines.file_io import replace_file
from steadypose.engines.foreign.files import is_there, open_regular
from steadypose.engines.foreign.signature import is_signed, make_key, sign
from steadypose.engines.foreign.texts import read_json
from steadypose.engines.spec import ModelSpec
from steadypose.engines.wording.advice import BUILD_AGAIN, as_typed
from steadypose.engines.wording.printable import to_command

T = TypeVar("T")
SUFFIX = ".engine"
BUILT = Path(__file__).resolve().parent / "built"


@dataclass(frozen=True, slots=True)
class EngineInfo:
    """Everything that decides whether a plan may be loaded, and what it does.

    Attributes:
        spec: Contract of the model file it was built from.
        onnx: That file's name.
        onnx_sha256: Its hash.
        flavor: ``tensorrt`` or ``tensorrt-rtx``.
        version: TensorRT's full version.
        precision: What was asked for.
        built: Layers by the type they really compute in, such as ``{"half": 24}``.
        max_batch: Largest batch of the profile; the smallest is 1.
        gpu: Name of the GPU it was built on; empty: built without one.
        capabilities: Compute capabilities it runs on.
        plan_sha256: Hash of the plan.
        plan_bytes: Its size.
        built_at: UTC time, ISO 8601.
        build_s: How long TensorRT took.
        signature: Of all else here, and so of the plan by its hash; empty: none.
    """

    spec: ModelSpec
    onnx: str
    onnx_sha256: str
    flavor: str
    version: str
    precision: str
    built: dict[str, int]
    max_batch: int
    gpu: str
    capabilities: tuple[str, ...]
    plan_sha256: str = ""
    plan_bytes: int = 0
    built_at: str = ""
    build_s: float = 0.0
    notes: dict[str, str] = field(default_factory=dict)
    signature: str = ""

    @property
    def is_ours(self) -> bool:
        """Whether this user built it on this machine."""
        return is_signed(_signed_part(self), self.signature)

    def file_name(self) -> str:
        """Model, hash, precision, batch, GPU generation and TensorRT version in a name."""
        product = "rtx" if self.flavor == "tensorrt-rtx" else "trt"
        target = "sm" + "_".join(c.replace(".", "") for c in self.capabilities)
        return (
            f"{self.spec.name}-{self.onnx_sha256[:8]}-{self.precision}-b{self.max_batch}"
            f"-{target}-{product}{self.version}{SUFFIX}"
        )

    def what_differs(self, now: Present) -> list[str]:
        """Why this engine cannot be used now; empty: it can.

        Args:
            now: The machine, and the model file where there is one.
        """
        differences = []
        if not (now.is_trusting or self.is_ours):
            differences.append("it was not built by you on this machine")
        if self.flavor != now.flavor:
            differences.append(f"it is for {self.flavor}, {now.flavor} is installed")
        elif self.version != now.version:
            differences.append(
                f"it was built by {self.flavor} {self.version}, here is {now.version}"
            )
        if now.capability not in self.capabilities:
            differences.append(
                f"it runs on compute capability {', '.join(self.capabilities)}, "
                f"{now.gpu} has {now.capability}"
            )
        elif self.gpu and self.gpu != now.gpu:
            differences.append(f"it was built on {self.gpu}, this is {now.gpu}")
        if now.onnx_sha256 and self.onnx_sha256 != now.onnx_sha256:
            differences.append(f"the model file changed since ({self.onnx})")
        if now.spec is not None and self.spec != now.spec:
            differences.append("the model's spec changed since")
        if now.precision not in {"auto", self.precision}:
            differences.append(f"it computes in {self.precision}, {now.precision} was asked for")
        return differences


@dataclass(frozen=True, slots=True)
class Present:
    """What an engine must fit.

    Attributes:
        flavor: TensorRT product that is installed.
        version: Its version.
        gpu: The GPU's name.
        capability: Its compute capability.
        precision: As asked by the user; ``auto``: any.
        onnx_sha256: Of the model file; empty: not compared.
        spec: Of the model file; None: not compared.
        is_trusting: Engines that others built may run.
        device: Number of the GPU.
    """

    flavor: str
    version: str
    gpu: str
    capability: str
    precision: str = "auto"
    onnx_sha256: str = ""
    spec: ModelSpec | None = None
    is_trusting: bool = False
    device: int = 0


def sidecar_of(path: Path) -> Path:
    """Where an engine file's JSON lies."""
    return path.with_name(path.name + ".json")


def write_engine(path: Path, plan: bytes, info: EngineInfo) -> EngineInfo:
    """Write plan and sidecar; half-written files never carry the final names.

    Returns:
        The info with the plan's hash and size, signed.

    Raises:
        RecordError: The disk refuses, or there can be no key.
    """
    digest = hashlib.sha256(plan).hexdigest()
    info = dataclasses.replace(info, plan_sha256=digest, plan_bytes=len(plan))
    info = dataclasses.replace(info, signature=_with_key(lambda: sign(_signed_part(info))))
    text = json.dumps(dataclasses.asdict(info), indent=1, sort_keys=True) + "\n"

    def write_both(fresh_sidecar: Path) -> None:
        fresh_sidecar.write_bytes(text.encode())
        replace_file(path, lambda fresh: fresh.write_bytes(plan))

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(sidecar_of(path), write_both)
    except OSError as error:
        raise RecordError(
            f"cannot write {path}: {error.strerror}", fix="free space or choose another --output"
        ) from error
    return info


def prepare_key() -> None:
    """Find out before minutes of building whether what is built can be signed.

    Raises:
        RecordError: It cannot.
    """
    _with_key(make_key)


def _with_key(work: Callable[[], T]) -> T:
    try:
        return work()
    except (OSError, RuntimeError) as error:  # RuntimeError: there is no home
        reason = getattr(error, "strerror", None) or error
        raise RecordError(
            f"no key for signing engines at {getattr(error, 'filename', None)}: {reason}",
            fix="remove it if it is there; XDG_CONFIG_HOME names another folder for it",
        ) from error


def _signed_part(info: EngineInfo) -> bytes:
    data = dataclasses.asdict(dataclasses.replace(info, signature=""))
    return json.dumps(data, sort_keys=True).encode()


def read_info(path: Path) -> EngineInfo:
    """The sidecar of an engine file.

    Raises:
        ModelFileError: The engine or its sidecar is missing or damaged.
    """
    sidecar = sidecar_of(path)
    if not is_there(path):
        raise ModelFileError(f"{path} does not exist", fix="check --model, or " + BUILD_AGAIN)
    try:
        data: dict[str, Any] = read_json(sidecar)
        data["spec"] = ModelSpec.from_json(json.dumps(data["spec"]))
        data["capabilities"] = tuple(data["capabilities"])
        data["signature"] = str(data.get("signature", ""))
        return EngineInfo(**data)
    except FileNotFoundError as error:
        raise ModelFileError(
            f"{path.name} has no {sidecar.name} beside it: it is a bare plan, or the file was "
            "moved alone",
            fix="keep both files together, or " + BUILD_AGAIN,
        ) from error
    except (OSError, ValueError, KeyError, TypeError, OverflowError) as error:
        raise ModelFileError(f"{sidecar} is damaged: {error}", fix=BUILD_AGAIN) from error


def read_plan(path: Path, info: EngineInfo) -> bytes:
    """The plan itself, if it is whole.

    Raises:
        ModelFileError: It is cut short or changed.
    """
    try:
        with open_regular(path) as file:
            plan = file.read(info.plan_bytes + 1)
    except OSError as error:
        raise ModelFileError(f"cannot read {path}: {error.strerror}", fix=BUILD_AGAIN) from error
    if len(plan) != info.plan_bytes:
        raise ModelFileError(
            f"{path} is damaged: it has {path.stat().st_size} bytes, "
            f"{info.plan_bytes} were written",
            fix="copy it again, or " + BUILD_AGAIN,
        )
    if hashlib.sha256(plan).hexdigest() != info.plan_sha256:
        raise ModelFileError(
            f"{path} is damaged: its content is not what was written",
            fix="copy it again, or " + BUILD_AGAIN,
        )
    return plan


class StaleEngineError(EngineError):
    """There is no engine that fits this machine and model.

    Args:
        what: The fact.
        command: Arguments for Python that build one.
    """

    def __init__(self, what: str, *, command: Sequence[str]) -> None:
        typed = as_typed(to_command("python", *command))
        super().__init__(what, fix=f"{typed} (or add --auto-build)")
        self.command = tuple(command)

    def __reduce__(self) -> tuple[object, ...]:
        """Keep the command when the error crosses a process border."""
        return _rebuild_stale, (self.what, self.command)


def _rebuild_stale(what: str, command: Sequence[str]) -> StaleEngineError:
    return StaleEngineError(what, command=command)


def build_command(model: Path | None, precision: str, *, device: int = 0) -> list[str]:
    """The command that builds an engine, as Python's arguments."""
    command = ["export/build_trt.py"]
    if model is not None:
        command += ["--onnx", str(model.resolve())]
    if precision in {"fp32", "tf32", "fp16", "int8"}:
        command += ["--precision", precision]
    if device:
        command += ["--device", str(device)]
    return command
