"""What makes a clip finished: a mark in its sidecar, of what it was made, and what was made."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from steadypose.batch.order import Clip
from steadypose.batch.store import Store
from steadypose.engines.errors import RecordError
from steadypose.engines.file_io import replace_text, writing
from steadypose.realtime.record.sidecar import read_sidecar

_KEY = "batch"


def mark(
    sidecar: Path,
    *,
    source_sha256: str,
    settings_sha256: str,
    source: Path,
    files: Mapping[str, int | None],
) -> None:
    """Say in a sidecar that its recording is finished.

    Args:
        sidecar: Not yet in its place.
        source_sha256: Of the video.
        settings_sha256: ``Order.fingerprint``.
        source: The video.
        files: Bytes of each file by its name; None: there is nothing to be said in it, so it
            was not written.

    Raises:
        RecordError: It cannot be written.
    """
    made = {
        "source": str(source),
        "source_sha256": source_sha256,
        "settings_sha256": settings_sha256,
    }
    content = {**read_sidecar(sidecar), _KEY: {**made, "files": dict(files)}}
    with writing(sidecar):
        replace_text(sidecar, json.dumps(content, indent=2) + "\n")


def marked(sidecar: Path | None) -> dict[str, Any]:
    """What a sidecar's mark says; nothing where there is none."""
    found = read_sidecar(sidecar).get(_KEY) if sidecar is not None else None
    if isinstance(found, dict) and isinstance(found.get("files"), dict):
        return found
    return {}


def check_same_source(said: Mapping[str, Any], clip: Clip, source_sha256: str) -> None:
    """Refuse to replace the results of a clip from another place.

    Args:
        said: The mark of what lies where the clip's results belong.
        clip: Whose results are to be written.
        source_sha256: Of the video as it is now.

    Raises:
        RecordError: They are of another video, of which nothing would be left.
    """
    source = said.get("source", str(clip.path))
    if source != str(clip.path) and said.get("source_sha256") != source_sha256:
        raise RecordError(
            f"{clip.shown}: under the name {clip.name} are the results of {source}",
            fix="choose another --out, or replace them with --force",
        )


def lacks(
    said: Mapping[str, Any],
    names: list[str],
    store: Store,
    *,
    source_sha256: str,
    settings_sha256: str,
) -> list[str]:
    """Which files have still to be made.

    Args:
        said: The mark.
        names: Of all files that are wanted, below the target.
        store: The target.
        source_sha256: Of the video as it is now.
        settings_sha256: Of the settings as they are now.
    """
    made = (said.get("source_sha256"), said.get("settings_sha256"))
    if made != (source_sha256, settings_sha256):
        return names
    sizes = said["files"]
    return [
        name
        for name in names
        if Path(name).name not in sizes or sizes[Path(name).name] not in (None, store.size_of(name))
    ]
