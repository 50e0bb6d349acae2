"""Which keypoints of a recording are joined by a line."""

from __future__ import annotations

from pathlib import Path

from steadypose.engines.errors import UsageError
from steadypose.engines.skeletons.skeleton import Skeleton
from steadypose.realtime.record.formats.reading import Recording, skeleton_of
from steadypose.realtime.record.sidecar import find_sidecar, read_sidecar

Limbs = tuple[tuple[int, int], ...]


def limbs_of(recording: Recording, skeleton: Skeleton | None = None) -> Limbs:
    """Find them: of a given skeleton, of one known by its names, or in the sidecar.

    Args:
        recording: Its keypoints are asked for by their names.
        skeleton: What the user says they are.

    Returns:
        Pairs of indices into the recording's keypoints; none where nobody knows.

    Raises:
        UsageError: The skeleton has other keypoints.
    """
    names = recording.keypoints
    if skeleton is None:
        known = skeleton_of(names)
        return known.limbs or _told(recording.path, names)
    other = sorted(set(names) ^ set(skeleton.keypoints))
    if other:
        raise UsageError(
            f"{recording.path} and the skeleton {skeleton.name} do not have the same keypoints: "
            f"{', '.join(other[:3])}{', ...' if len(other) > 3 else ''}",
            fix="give the skeleton with which it was recorded, or leave --skeleton out",
        )
    places = [names.index(name) for name in skeleton.keypoints]
    return tuple((places[a], places[b]) for a, b in skeleton.limbs)


def _told(path: Path, names: tuple[str, ...]) -> Limbs:
    """What the run wrote beside its recording; a page does without where that is no use."""
    sidecar = find_sidecar(path)
    pairs = read_sidecar(sidecar).get("limbs") if sidecar else None
    places = {name: k for k, name in enumerate(names)}
    found = []
    for pair in pairs if isinstance(pairs, list) else ():
        if isinstance(pair, list) and len(pair) == 2 and all(isinstance(n, str) for n in pair):
            ends = [places.get(name) for name in pair]
            if ends[0] is not None and ends[1] is not None:
                found.append((ends[0], ends[1]))
    return tuple(found)
