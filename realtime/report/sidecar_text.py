"""Convert a recording's sidecar, ``out.meta.json``, to plain text."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from steadypose.engines.foreign.texts import read_json
from steadypose.realtime.record.sidecar import MOST_BYTES, find_sidecar
from steadypose.realtime.report.words import DASH
from steadypose.realtime.sources.address import shown_option

# What readers of the report look for first.
_MAIN = {
    *("model", "model name", "backend", "precision", "smoothing", "smoothing name", "source"),
    *("source label", "started", "dropped", "machine", "versions", "steadypose"),
}
_NEVER = {"format", "version", "space", "limbs"}  # about the file, not about the run
_LONGEST = 200


@dataclass(slots=True)
class RunInfo:
    """Names and values, plain text.

    Attributes:
        main: Those that readers look for first.
        rest: All others.
        problem: Why the file cannot be read; empty otherwise.
    """

    main: list[tuple[str, str]] = field(default_factory=list)
    rest: list[tuple[str, str]] = field(default_factory=list)
    problem: str = ""


def find_run_info(recording: Path) -> RunInfo | None:
    """Read a recording's sidecar; None if there is none.

    The report does not depend on it: an unreadable file is only mentioned.
    """
    path = find_sidecar(recording)
    if path is None:
        return None
    try:
        content = read_json(path, most_bytes=MOST_BYTES, is_number_checked=False)
        entries = flatten(content if isinstance(content, dict) else {"content": content})
    except (OSError, ValueError, RecursionError) as error:
        reason = _reason(error)
        return RunInfo(problem=f"{path.name} beside the recording could not be read: {reason}")
    found = RunInfo()
    for name, value in entries:
        (found.main if name in _MAIN else found.rest).append((name, value))
    return found


def _reason(error: Exception) -> str:
    """Without the folder, which the text of an OSError names."""
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


def flatten(content: dict[str, Any]) -> list[tuple[str, str]]:
    """Flatten nested JSON to name and text; plain lists and versions stay on one line."""
    found = []
    for key, value in content.items():
        if key in _NEVER:
            continue
        name = str(key).replace("_", " ")
        if key == "versions" and isinstance(value, dict):
            found.append((name, ", ".join(f"{of} {_text(number)}" for of, number in value.items())))
        elif isinstance(value, dict):
            found += [(f"{name} {inner}", text) for inner, text in flatten(value)]
        elif key == "options" and isinstance(value, list):  # older ones hold whole paths
            found.append((name, _text([shown_option(str(item)) for item in value])))
        else:
            found.append((name, _text(value)))
    return found


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None:
        return DASH
    if isinstance(value, list) and not any(isinstance(item, dict | list) for item in value):
        text = ", ".join(map(_text, value))
    else:
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
