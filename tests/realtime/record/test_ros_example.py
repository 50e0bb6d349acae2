"""The example of a ROS 2 node, with messages that have REP-155's fields and nothing else."""

from __future__ import annotations

import runpy
import sys
from types import SimpleNamespace
from typing import Any

import pytest

from steadypose.realtime.model.places import ROOT
from steadypose.realtime.record.formats.entry import Entry
from steadypose.realtime.record.formats.jsonl import frame_object
from steadypose.realtime.record.live.message import normalized
from tests.realtime.record.test_live import NAMES, message


class Skeleton2D:
    """Fields as in hri_msgs for ROS 2: a header, and 18 points in a fixed array."""

    def __init__(self) -> None:
        self.header = SimpleNamespace(frame_id="", stamp=SimpleNamespace(sec=0, nanosec=0))
        self.skeleton = [SimpleNamespace(x=0.0, y=0.0, c=0.0) for _ in range(18)]


def test_a_person_becomes_the_skeleton_of_rep_155(monkeypatch: pytest.MonkeyPatch) -> None:
    package: Any = SimpleNamespace(Skeleton2D=Skeleton2D)
    monkeypatch.setitem(sys.modules, "rclpy", SimpleNamespace())
    monkeypatch.setitem(sys.modules, "hri_msgs", SimpleNamespace(msg=package))
    monkeypatch.setitem(sys.modules, "hri_msgs.msg", package)
    example = runpy.run_path(str(ROOT / "docs/examples/live/ros2_node.py"))
    sent = normalized(message(4, 1))
    pose = sent.poses[0]
    pose.xy[5:7] = [[0.25, 0.5], [0.75, 0.5]]
    pose.xy[9] = float("nan")  # the left wrist
    entry = Entry(sent.frame, sent.time_s, sent.poses)
    frame = {**frame_object(entry, places=5), "unix_s": 12.25, "names": list(NAMES)}
    made = example["skeleton_of"](frame, frame["persons"][0], "t")
    assert (made.header.stamp.sec, made.header.stamp.nanosec) == (12, 250_000_000)
    assert (made.skeleton[1].x, made.skeleton[1].y) == (0.5, 0.5)
    places = {name: place for place, name in enumerate(example["NAMES"])}
    assert len(places) == 18
    expected = {"nose": 0, "right_wrist": 4, "left_wrist": 7, "left_ankle": 13, "right_ear": 17}
    assert expected.items() <= places.items()
    assert made.skeleton[7].c == 0.0
    for k, name in enumerate(NAMES):
        point = made.skeleton[places[name]]
        if pose.xy[k, 0] == pose.xy[k, 0]:
            assert point.x == pytest.approx(pose.xy[k, 0], abs=6e-6)
            assert point.c == pytest.approx(pose.score[k], abs=6e-4)
