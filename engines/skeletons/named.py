"""The skeletons that are known by name."""

from __future__ import annotations

from steadypose.engines.skeletons.animals import AP10K17
from steadypose.engines.skeletons.people import BLAZEPOSE33, COCO17, HALPE26, MPII16
from steadypose.engines.skeletons.skeleton import Skeleton
from steadypose.engines.skeletons.whole_body import COCO133, HAND21

SKELETONS = {s.name: s for s in (COCO17, MPII16, HALPE26, BLAZEPOSE33, COCO133, HAND21, AP10K17)}
"""Those that ship, by name."""


def known_by(keypoints: tuple[str, ...]) -> Skeleton | None:
    """The one with these keypoints in any order; None where none is known."""
    return next((s for s in SKELETONS.values() if set(s.keypoints) == set(keypoints)), None)
