"""Lab Streaming Layer: poses beside EEG, markers and whatever else a laboratory records."""

from __future__ import annotations

import math
import os
import uuid
from pathlib import Path

import pylsl

from steadypose.realtime.record.live.message import Message
from steadypose.version import __version__

_OWN_SETTINGS = ("lsl_api.cfg", "~/lsl_api/lsl_api.cfg", "/etc/lsl_api/lsl_api.cfg")
_PARTS = (("x", "PositionX"), ("y", "PositionY"), ("score", "Confidence"), ("state", "State"))


class LslChannel:
    """Offers a stream for each person who may be there, by the conventions of XDF for MoCap.

    A sample is ``frame, person, x, y, score, state, x, ...`` in float64; a lost keypoint's place
    is NaN, and a stream where nobody is says nothing. It carries the capture time on LSL's
    clock, so a recorder needs no correction for the age of the frames. The rate is irregular.

    Args:
        name: Streams are called ``NAME 1``, ``NAME 2`` and so on.
        names: Of the keypoints.
        persons: Number of streams.
        is_normalized: What unit the streams declare.
    """

    def __init__(
        self, name: str, names: tuple[str, ...], *, persons: int, is_normalized: bool
    ) -> None:
        self.name = f"--lsl {name}"
        _be_quiet()
        unit = "normalized" if is_normalized else "pixels"
        self._outlets = [
            pylsl.StreamOutlet(_describe(f"{name} {slot}", names, unit))
            for slot in range(1, persons + 1)
        ]
        self._slots = [0] * persons  # who is in which stream; ids begin with 1

    def send(self, message: Message) -> None:
        """See ``Channel.send``."""
        taken_s = message.taken_at(pylsl.local_clock())
        poses = {pose.track_id: pose for pose in message.poses}
        self._slots = [person if person in poses else 0 for person in self._slots]
        for person in sorted(poses.keys() - set(self._slots)):
            if 0 in self._slots:
                self._slots[self._slots.index(0)] = person
        for outlet, person in zip(self._outlets, self._slots, strict=True):
            if not person:
                continue
            pose = poses[person]
            sample = [float(message.frame), float(person)]
            columns = (pose.xy.tolist(), pose.score.tolist(), pose.state.tolist())
            for (x, y), score, state in zip(*columns, strict=True):
                sample += (x, y, score, state) if state else (math.nan, math.nan, score, state)
            outlet.push_sample(sample, taken_s)

    def close(self) -> None:
        """See ``Channel.close``; the streams disappear."""
        self._outlets.clear()


def _be_quiet() -> None:
    """Keep LSL's log off the terminal, unless it has settings that this would replace."""
    if "LSLAPICFG" in os.environ or any(Path(p).expanduser().exists() for p in _OWN_SETTINGS):
        return
    pylsl.set_config_content("[log]\nlevel = -2\n")


def _describe(name: str, names: tuple[str, ...], unit: str) -> pylsl.StreamInfo:
    """What a stream says about itself.

    The convention: github.com/sccn/xdf/wiki/MoCap-Meta-Data.
    """
    info = pylsl.StreamInfo(
        name,
        "MoCap",
        2 + len(_PARTS) * len(names),
        pylsl.IRREGULAR_RATE,
        pylsl.cf_double64,
        str(uuid.uuid4()),  # a run is a source of its own: nobody goes on with another's stream
    )
    info.desc().append_child_value("manufacturer", "steadypose")
    acquisition = info.desc().append_child("acquisition")
    acquisition.append_child_value("software", f"steadypose {__version__}")
    channels = info.desc().append_child("channels")
    rows = [("frame", "", "Frame", "count"), ("person", "", "Person", "id")]
    for keypoint in names:
        units = {"x": unit, "y": unit, "score": "normalized", "state": "enum"}
        rows += [(f"{keypoint}_{part}", keypoint, kind, units[part]) for part, kind in _PARTS]
    for label, marker, kind, unit_ in rows:
        channel = channels.append_child("channel")
        channel.append_child_value("label", label)
        if marker:
            channel.append_child_value("marker", marker)
        channel.append_child_value("object", name)
        channel.append_child_value("type", kind)
        channel.append_child_value("unit", unit_)
    return info
