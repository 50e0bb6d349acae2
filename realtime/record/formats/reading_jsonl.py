"""Read JSON lines, a bounded number of frames at a time."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from steadypose.engines.errors import RecordError
from steadypose.engines.foreign.texts import parse_json
from steadypose.realtime.datatypes import FloatArray
from steadypose.realtime.record.formats.blocks import (
    AGAIN,
    BLANK,
    HEADER,
    LIMIT,
    PERSON_LIMIT,
    Block,
    NotARecordingError,
    ReadState,
    make_block,
    whole_lines,
)
from steadypose.realtime.record.formats.entry import STATES

_CHUNK_FRAMES = 2_000
_Seen = list[tuple[int, float]]


def jsonl_blocks(reading: ReadState) -> Iterator[Block]:
    """Read JSON lines.

    Raises:
        NotARecordingError: As it says.
        RecordError: A line is damaged.
    """
    with reading.path.open("rb") as file:
        lines = enumerate(whole_lines(file, b"\n", reading, is_whole=_is_whole), start=1)
        filled = ((number, line) for number, line in lines if line.strip(BLANK))
        _, head = next(filled, (1, b""))
        reading.keypoints = _read_header(head.strip(BLANK), reading)
        seen: _Seen = []
        people: list[tuple[int, float, dict[str, Any]]] = []
        for number, line in filled:
            try:
                raw = parse_json(line, is_number_checked=False)
                frame, time_s = _whole(raw["frame"]), _number(raw["time_s"])
                people += [(frame, time_s, person) for person in raw["persons"]]
                seen.append((frame, time_s))
                for person in raw["persons"]:
                    _check_person(person, len(reading.keypoints))
            except (ValueError, TypeError, KeyError, AttributeError) as error:
                raise RecordError(
                    f"{reading.path}, line {number}: not a frame of a recording ({_reason(error)})",
                    fix=AGAIN,
                ) from error
            if len(seen) >= _CHUNK_FRAMES:
                yield _block(seen, people, reading)
                seen, people = [], []
        if seen:
            yield _block(seen, people, reading)


def _is_whole(line: bytes) -> bool:
    """An editor may have left out the end of a line that has everything else."""
    try:
        parse_json(line, is_number_checked=False)
    except ValueError:
        return False
    return True


def _read_header(line: bytes, reading: ReadState) -> tuple[str, ...]:
    """The keypoint names of the first line.

    Raises:
        NotARecordingError: It does not describe one.
    """
    try:
        head = parse_json(line)
        keypoints = tuple(head["keypoints"])
        is_ours = head["format"] == "steadypose" and head["version"] == 1
    except (ValueError, TypeError, KeyError):
        keypoints, is_ours = (), False
    if not is_ours or not keypoints or not all(isinstance(name, str) for name in keypoints):
        raise NotARecordingError(f"{reading.path}, {HEADER}")
    return keypoints


def _check_person(person: dict[str, Any], keypoints: int) -> None:
    """Everything that building arrays would stumble over.

    Raises:
        ValueError, TypeError, KeyError: It is not a person.
    """
    _whole(person["id"], PERSON_LIMIT)
    lists = (person["keypoints"], person["raw"], person["state"])
    if not all(isinstance(values, list) and len(values) == keypoints for values in lists):
        raise ValueError(f"person {person['id']} has not {keypoints} keypoints")
    for x, y, score in person["keypoints"]:
        _check_numbers((x, y, score))
    for xy in person["raw"]:
        if xy is not None:
            x, y = xy
            _check_numbers((x, y))
    for state in person["state"]:
        STATES[state]


def _whole(value: object, limit: int = LIMIT) -> int:
    if type(value) is not int:
        raise TypeError(f"{_short(value)} is not a whole number")
    if abs(value) >= limit:
        raise ValueError(f"{_short(value)} is too large")
    return value


def _number(value: object) -> float:
    if type(value) is not float and type(value) is not int:
        raise TypeError(f"{_short(value)} is not a number")
    if not abs(value) < LIMIT:
        raise ValueError(f"{_short(value)} is not finite or too large")
    return float(value)


def _check_numbers(values: tuple[object, ...]) -> None:
    for value in values:
        if value is not None:
            _number(value)


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:40]}..."


def _reason(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"{error} is missing or unknown"
    return str(error)


def _block(
    seen: _Seen, people: list[tuple[int, float, dict[str, Any]]], reading: ReadState
) -> Block:
    k, count = len(reading.keypoints), len(people)
    nothing = (math.nan, math.nan)
    keypoints = [person["keypoints"] for _, _, person in people]
    raw = [[xy or nothing for xy in person["raw"]] for _, _, person in people]
    states = [[STATES[state] for state in person["state"]] for _, _, person in people]
    numbers = np.concatenate((_array(keypoints, (count, k, 3)), _array(raw, (count, k, 2))), axis=2)
    return make_block(
        np.array([frame for frame, _, _ in people], np.int64),
        np.array([time_s for _, time_s, _ in people], np.float64),
        np.array([person["id"] for _, _, person in people], np.int64),
        numbers,
        np.array(states, np.int8).reshape(count, k),
        all_frames=np.array([frame for frame, _ in seen], np.int64),
        all_times_s=np.array([time_s for _, time_s in seen], np.float64),
    )


def _array(values: list[Any], shape: tuple[int, ...]) -> FloatArray:
    """Numbers with NaN for null."""
    return np.array(values, np.float64).reshape(shape)
