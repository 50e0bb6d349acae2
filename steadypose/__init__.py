"""Steady human poses from a camera, in a few lines.

    import steadypose as sp

    with sp.open(0, persons=2) as frames:           # camera number, path, address, "demo"
        for frame in frames:                        # live: the newest frame; file: every frame
            for person in frame.persons:
                x, y = person["left_wrist"]         # pixels; NaN while it is lost
            picture = frame.draw()

    tracker = sp.Tracker(persons=2)                 # in a loop of your own
    frame = tracker(image_bgr, time_s=t)

    recording = sp.read("me.csv")

What is named here is stable; everything below ``steadypose.realtime`` and ``steadypose.engines``
is internal. In the repository those folders lie beside this one, and are found there; installed,
they lie inside it (docs/decisions/0002-packaging.md).
"""

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import steadypose.limits  # noqa: F401 - before OpenCV is loaded
from steadypose.version import __version__

if TYPE_CHECKING:
    from steadypose.api.frame import Frame
    from steadypose.api.frames import Frames
    from steadypose.api.many import ManyFrames
    from steadypose.api.network import Network
    from steadypose.api.opening import open  # noqa: A004 - sp.open reads as it works
    from steadypose.api.options import NetworkOptions, Options
    from steadypose.api.person import Angle, Person
    from steadypose.api.recordings import Recording, convert, read, report, resmooth
    from steadypose.api.tracker import Tracker
    from steadypose.engines.errors import SteadyposeError as Error
    from steadypose.realtime.sources.camera import CameraMode

__all__ = [
    "Angle",
    "CameraMode",
    "Error",
    "Frame",
    "Frames",
    "ManyFrames",
    "Network",
    "NetworkOptions",
    "Options",
    "Person",
    "Recording",
    "Tracker",
    "__version__",
    "convert",
    "open",
    "read",
    "report",
    "resmooth",
]  # fmt: skip

_HOMES = {
    "Angle": ("steadypose.api.person", "Angle"),
    "CameraMode": ("steadypose.realtime.sources.camera", "CameraMode"),
    "Network": ("steadypose.api.network", "Network"),
    "NetworkOptions": ("steadypose.api.options", "NetworkOptions"),
    "Options": ("steadypose.api.options", "Options"),
    "Error": ("steadypose.engines.errors", "SteadyposeError"),
    "Frame": ("steadypose.api.frame", "Frame"),
    "Person": ("steadypose.api.person", "Person"),
    "Frames": ("steadypose.api.frames", "Frames"),
    "ManyFrames": ("steadypose.api.many", "ManyFrames"),
    "open": ("steadypose.api.opening", "open"),
    "Recording": ("steadypose.api.recordings", "Recording"),
    "convert": ("steadypose.api.recordings", "convert"),
    "read": ("steadypose.api.recordings", "read"),
    "report": ("steadypose.api.recordings", "report"),
    "resmooth": ("steadypose.api.recordings", "resmooth"),
    "Tracker": ("steadypose.api.tracker", "Tracker"),
}
_BESIDE = Path(__file__).resolve().parent.parent
if (_BESIDE / "run.py").is_file():
    __path__.append(str(_BESIDE))


def __getattr__(name: str) -> Any:
    """Import a name when it is first used: ``import steadypose`` loads no backend."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, attribute = _HOMES[name]
    found = getattr(import_module(module), attribute)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    """What there is, for completion."""
    return sorted(__all__)
