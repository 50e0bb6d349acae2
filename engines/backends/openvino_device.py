"""Devices of OpenVINO other than the CPU: graphics, neural processors, or whatever it chooses."""

from __future__ import annotations

from typing import Any

from steadypose.engines.errors import EngineError, EngineUnavailableError

ONE_BY_ONE = ("NPU",)
"""Devices that compile for one batch size only; they get one crop at a time."""

_HINTS = {"fp32": "f32", "fp16": "f16"}


def check_there(core: Any, device: str) -> None:
    """Refuse a device that this machine has not, or whose driver is missing.

    Args:
        core: OpenVINO's.
        device: As OpenVINO names it; of several graphics processors, ``GPU`` is the first.

    Raises:
        EngineUnavailableError: OpenVINO does not find it.
    """
    listed = core.available_devices
    if device == "AUTO" or any(name.split(".")[0] == device or name == device for name in listed):
        return
    raise EngineUnavailableError(
        f"OpenVINO finds no device {device} here, only {', '.join(listed)}",
        fix=f"install Intel's driver for it, or run with --device {listed[0] if listed else 'CPU'}",
    )


def config_of(precision: str) -> dict[str, str]:
    """How a network is compiled there; ``auto`` leaves the precision to the device.

    Raises:
        EngineError: These devices do not compute with that precision.
    """
    if precision != "auto" and precision not in _HINTS:
        raise EngineError(
            f"backend openvino does not build {precision} for this --device",
            fix=f"choose --precision from auto, {', '.join(_HINTS)}, or leave --device out",
        )
    hint = {} if precision == "auto" else {"INFERENCE_PRECISION_HINT": _HINTS[precision]}
    return {"PERFORMANCE_HINT": "LATENCY", **hint}


def label_of(compiled: Any, device: str) -> str:
    """Precision and device of a compiled network, as far as it tells."""
    try:
        hint = compiled.get_property("INFERENCE_PRECISION_HINT").to_string()
    except RuntimeError:  # OpenVINO's only error: AUTO may still be compiling
        return f"openvino on {device}"
    return f"openvino {hint.replace('f', 'fp', 1) if hint in _HINTS.values() else hint} on {device}"
