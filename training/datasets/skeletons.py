"""Skeletons of COCO categories, and the mirror twins that names tell of."""

from __future__ import annotations

from typing import Any

from steadypose.engines.errors import ModelFileError, SourceError
from steadypose.engines.foreign.names import as_name
from steadypose.engines.skeletons.named import known_by
from steadypose.engines.skeletons.people import COCO17
from steadypose.engines.skeletons.sides import side_of
from steadypose.engines.skeletons.skeleton import UNKNOWN_SIGMA, Skeleton
from steadypose.realtime.model.skeletons import twins


def skeleton_of(category: dict[str, Any]) -> Skeleton:
    """Read a skeleton from a COCO category.

    The names of a known skeleton give that one, with its published sigmas, unless the
    category has its own (COCO's 17 are always COCO's). Others take
    ``flip_pairs`` (counted from 0) and ``sigmas`` from the category if present; else
    names that differ only in left and right are mirror pairs, and every sigma is 0.08.

    Raises:
        SourceError: The category contradicts itself.
    """
    # Labelling tools let people type anything, spaces for instance.
    names = tuple(as_name(str(name)) for name in category["keypoints"])
    known = known_by(names)
    is_changed = known is not COCO17 and bool({"sigmas", "flip_pairs"} & set(category))
    if known is not None and known.keypoints == names and not is_changed:
        return known
    pairs = category.get("flip_pairs")
    if pairs is None:
        pairs = twins(names)
    try:
        return Skeleton(
            name=as_name(str(category.get("name", "custom"))) or "custom",
            keypoints=names,
            limbs=tuple((int(a) - 1, int(b) - 1) for a, b in category.get("skeleton") or ()),
            flip_pairs=tuple((int(a), int(b)) for a, b in pairs),
            sigmas=tuple(category.get("sigmas") or [UNKNOWN_SIGMA] * len(names)),
        )
    except ModelFileError as error:
        raise SourceError(error.what, fix="correct the category in the COCO file") from error


def lone_sides(skeleton: Skeleton) -> list[str]:
    """Keypoints that say left or right, and have no mirror twin although others have."""
    if not skeleton.flip_pairs:
        return []
    twins = {index for pair in skeleton.flip_pairs for index in pair}
    return [
        name
        for k, name in enumerate(skeleton.keypoints)
        if k not in twins and side_of(name) != "middle"
    ]


def twin_notes(skeleton: Skeleton) -> list[str]:
    """A note where mirrored pictures would teach some keypoints the wrong way round."""
    lone = lone_sides(skeleton)
    if not lone:
        return []
    says, has = ("says", "has") if len(lone) == 1 else ("say", "have")
    return [
        f"skeleton {skeleton.name}: {', '.join(lone)} {says} left or right and {has} no mirror "
        "twin: mirrored pictures teach the wrong side (correct the names, or add flip_pairs)"
    ]
