"""A built TensorRT engine on disk: the plan, and a JSON sidecar that says what it is.

TensorRT's own plan says nothing that can be read without it, loads only under the exact
version and on the kind of GPU it was built for, and crashes or speaks in riddles
otherwise. The sidecar is compared first, so that a stale engine explains itself.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from steadypose.engines.advice import BUILD_AGAIN, BUILD_TRT
from steadypose.engines.errors import EngineError, ModelFileError, RecordError
from steadypose.engines.file_io import replace_file
from steadypose.engines.printable import to_command
from steadypose.engines.spec import ModelSpec

SUFFIX = ".engine"
BUILT = Path(__file__).resolve().parent / "built"
_PREFERENCE = ("int8", "fp32", "tf32", "fp16")


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
    """

    flavor: str
    version: str
    gpu: str
    capability: str
    precision: str = "auto"
    onnx_sha256: str = ""
    spec: ModelSpec | None = None


def sidecar_of(path: Path) -> Path:
    """Where an engine file's JSON lies."""
    return path.with_name(path.name + ".json")


def write_engine(path: Path, plan: bytes, info: EngineInfo) -> EngineInfo:
    """Write plan and sidecar; half-written files never carry the final names.

    Returns:
        The info with the plan's hash and size.

    Raises:
        RecordError: The disk refuses.
    """
    digest = hashlib.sha256(plan).hexdigest()
    info = dataclasses.replace(info, plan_sha256=digest, plan_bytes=len(plan))
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


def read_info(path: Path) -> EngineInfo:
    """The sidecar of an engine file.

    Raises:
        ModelFileError: The engine or its sidecar is missing or damaged.
    """
    sidecar = sidecar_of(path)
    if not path.exists():
        raise ModelFileError(f"{path} does not exist", fix="check --model, or " + BUILD_AGAIN)
    try:
        data: dict[str, Any] = json.loads(sidecar.read_text(encoding="utf-8"))
        data["spec"] = ModelSpec.from_json(json.dumps(data["spec"]))
        data["capabilities"] = tuple(data["capabilities"])
        return EngineInfo(**data)
    except FileNotFoundError as error:
        raise ModelFileError(
            f"{path.name} has no {sidecar.name} beside it: it is a bare plan, or the file was "
            "moved alone",
            fix="keep both files together, or " + BUILD_AGAIN,
        ) from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelFileError(f"{sidecar} is damaged: {error}", fix=BUILD_AGAIN) from error


def read_plan(path: Path, info: EngineInfo) -> bytes:
    """The plan itself, if it is whole.

    Raises:
        ModelFileError: It is cut short or changed.
    """
    try:
        plan = path.read_bytes()
    except OSError as error:
        raise ModelFileError(f"cannot read {path}: {error.strerror}", fix=BUILD_AGAIN) from error
    if len(plan) != info.plan_bytes:
        raise ModelFileError(
            f"{path} is damaged: it has {len(plan)} bytes, {info.plan_bytes} were written",
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
        super().__init__(what, fix=f"{to_command('python', *command)} (or add --auto-build)")
        self.command = tuple(command)

    def __reduce__(self) -> tuple[object, ...]:
        """Keep the command when the error crosses a process border."""
        return _rebuild_stale, (self.what, self.command)


def _rebuild_stale(what: str, command: Sequence[str]) -> StaleEngineError:
    return StaleEngineError(what, command=command)


def build_command(model: Path | None, precision: str) -> list[str]:
    """The command that builds an engine, as Python's arguments."""
    command = [BUILD_TRT]
    if model is not None:
        command += ["--onnx", str(model.resolve())]
    if precision in {"fp32", "tf32", "fp16", "int8"}:
        command += ["--precision", precision]
    return command


def find_engine(model: Path, now: Present, *, folder: Path = BUILT) -> tuple[Path, EngineInfo]:
    """The built engine of a model file that fits here.

    Args:
        model: The model file.
        now: The machine; its ``onnx_sha256`` and ``spec`` are those of the model file.
        folder: Where engines were built to.

    Returns:
        Path and info of the one that fits; with several, half precision first, then tf32,
        then fp32, then the newest; int8 only where it was asked for.

    Raises:
        StaleEngineError: None fits; the message says what is different about the nearest.
    """
    fitting, reasons = [], []
    for sidecar in sorted(folder.glob(f"*{SUFFIX}.json")):
        path = sidecar.with_suffix("")
        try:
            info = read_info(path)
        except ModelFileError:
            continue  # a damaged neighbour is no reason to stop
        if info.spec.name != now.spec.name if now.spec else False:
            continue
        differences = info.what_differs(now)
        if differences:
            reasons.append((len(differences), f"{path.name}: {'; '.join(differences)}"))
        else:
            if info.precision == "int8" and now.precision != "int8":
                continue  # it may cost accuracy: only for who asks for it
            rank = _PREFERENCE.index(info.precision) if info.precision in _PREFERENCE else -1
            fitting.append((rank, info.built_at, path, info))
    if not fitting:
        told = f"; nearest is {min(reasons)[1]}" if reasons else ""
        raise StaleEngineError(
            f"no TensorRT engine of {model.name} is built for {now.gpu} ({now.capability}) "
            f"with {now.flavor} {now.version}{told}",
            command=build_command(model, now.precision),
        )
    _, _, path, info = max(fitting, key=lambda found: found[:2])
    return path, info
