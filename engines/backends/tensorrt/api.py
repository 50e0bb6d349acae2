"""TensorRT or TensorRT for RTX, whichever is installed, behind one name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Literal

from steadypose.engines.errors import EngineUnavailableError
from steadypose.engines.wording.advice import install

Flavor = Literal["tensorrt", "tensorrt-rtx"]
MODULES: dict[Flavor, str] = {"tensorrt": "tensorrt", "tensorrt-rtx": "tensorrt_rtx"}
_OLDEST = (8, 5)
_KEPT_ERRORS = 3


@dataclass(frozen=True, slots=True, eq=False)
class TensorRt:
    """A loaded TensorRT package.

    Attributes:
        module: The Python module.
        flavor: Which of the two products it is.
        version: Full version, such as ``10.3.0``.
        log: Its only logger.
    """

    module: Any
    flavor: Flavor
    version: str
    log: Log

    @property
    def generation(self) -> int:
        """Major version; TensorRT for RTX counts its own."""
        return int(self.version.split(".", maxsplit=1)[0])

    @property
    def numbers(self) -> tuple[int, int]:
        """Major and minor version."""
        return _numbers(self.version)

    @property
    def title(self) -> str:
        """For people."""
        return (
            f"{'TensorRT for RTX' if self.flavor == 'tensorrt-rtx' else 'TensorRT'} {self.version}"
        )


class Log:
    """TensorRT's messages: the last errors, and everything while somebody listens.

    One per process and never freed: with several Python loggers, of which one is
    collected, TensorRT crashes.

    Args:
        module: The TensorRT module.
    """

    def __init__(self, module: Any) -> None:
        self.errors: list[str] = []
        self.listener: Callable[[str], None] | None = None
        log = self

        class Logger(module.ILogger):  # type: ignore[misc]
            def __init__(self) -> None:
                module.ILogger.__init__(self)

            def log(self, severity: Any, message: str) -> None:
                log.take(severity <= module.ILogger.Severity.ERROR, message)

        self.logger = Logger()

    def take(self, is_error: bool, message: str) -> None:  # noqa: FBT001 - TensorRT calls it
        """Keep one message."""
        if is_error:
            self.errors.append(message.strip())
            del self.errors[:-_KEPT_ERRORS]
        if self.listener is not None:
            self.listener(message)

    def last_errors(self) -> str:
        """The newest errors in one line, and forget them; a sentence where there is none."""
        text = " | ".join(self.errors) or "TensorRT gave no reason"
        self.errors.clear()
        return text[:600]


_loaded: dict[Flavor, TensorRt] = {}


def load_tensorrt(flavor: Flavor | Literal["auto"] = "auto") -> TensorRt:
    """Import TensorRT once per process.

    Args:
        flavor: Which product; ``auto`` prefers TensorRT.

    Raises:
        EngineUnavailableError: It is not installed, too old, or does not load.
    """
    wanted: list[Flavor] = ["tensorrt", "tensorrt-rtx"] if flavor == "auto" else [flavor]
    reasons = []
    for name in wanted:
        if name in _loaded:
            return _loaded[name]
        try:
            module = import_module(MODULES[name])
        except (ImportError, OSError) as error:  # OSError: a library beside it is missing
            reasons.append(f"{name}: {_why(error, MODULES[name])}")
            continue
        if not hasattr(module, "Runtime"):
            reasons.append(f"{name}: the package is installed without its libraries")
            continue
        version = str(module.__version__)
        if name == "tensorrt" and _numbers(version) < _OLDEST:
            reasons.append(f"{name}: {version} is older than 8.5")
            continue
        _loaded[name] = TensorRt(module, name, version, Log(module))
        return _loaded[name]
    full = f"{install('requirements-gpu.txt')} (Jetson: use the system's, see docs/tensorrt.md)"
    raise EngineUnavailableError(
        "no TensorRT can be loaded: " + "; ".join(reasons),
        fix="pip install tensorrt-rtx" if flavor == "tensorrt-rtx" else full,
    )


def _why(error: Exception, module: str) -> str:
    if getattr(error, "name", None) == module:
        return "not installed"
    return str(error).splitlines()[0][:160]


def _numbers(version: str) -> tuple[int, int]:
    major, minor = [*version.split("."), "0"][:2]
    return int(major), int(minor)
