"""What a recording says about the run it comes from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from steadypose.engines.base import Engine, as_cutter
from steadypose.realtime.command.machine import machine
from steadypose.realtime.command.settings import Settings
from steadypose.realtime.sources.address import shown_option
from steadypose.realtime.sources.base import Source
from steadypose.version import __version__


def describe_run(
    settings: Settings,
    engine: Engine,
    source: Source,
    *,
    smoothing: dict[str, Any],
    typed: Sequence[str],
) -> dict[str, Any]:
    """What the sidecar of a recording says.

    Args:
        settings: Of the run.
        engine: Opened.
        source: Opened; what was granted may differ from what was asked for.
        smoothing: Name and parameters of the filter.
        typed: The command line. Secrets in addresses and folders of files are left out.
    """
    skeleton = engine.spec.skeleton
    names = skeleton.keypoints
    return {
        "steadypose": __version__,
        "model": engine.spec.name,
        "model_file": settings.model,
        "skeleton": skeleton.name,
        "limbs": [[names[a], names[b]] for a, b in skeleton.limbs],
        **describe_engine(engine),
        "precision": settings.engine.precision,
        "source": {"label": source.label, "fps": source.fps, "is_live": source.is_live},
        "persons": settings.persons,
        "smoothing": smoothing,
        "machine": machine(),
        "options": [shown_option(text) for text in typed],
    }


def describe_engine(engine: Engine) -> dict[str, Any]:
    """What computes, and who cuts the crops: found out on the first frame."""
    cutter = as_cutter(engine)
    is_cutting = cutter is not None and cutter.is_cutting
    return {"backend": engine.label, "crops": "device" if is_cutting else "cpu"}
