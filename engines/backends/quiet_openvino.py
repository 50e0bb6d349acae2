"""OpenVINO without the event that it sends to its makers when it is imported.

Its converter announces every import to an analytics service, and leaves files in ``~/intel``,
where the package ``openvino_telemetry`` can be imported; else it goes on without.
A program that has imported that package, or OpenVINO itself, before has decided for itself.
"""

import sys

_TELEMETRY = "openvino_telemetry"
_is_free = _TELEMETRY not in sys.modules
if _is_free:
    sys.modules[_TELEMETRY] = None  # type: ignore[assignment]  # as the import system's docs say

try:
    import openvino
    from openvino import opset13 as opset
finally:
    if _is_free:
        del sys.modules[_TELEMETRY]

__all__ = ["openvino", "opset"]
