"""Charts of a person's positions, speeds and joint angles over time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from steadypose.engines.skeletons.sides import side_of
from steadypose.realtime.datatypes import FloatArray, State
from steadypose.realtime.record.formats.reading import PersonTrack
from steadypose.realtime.report.body import body_center, speed_px_s
from steadypose.realtime.report.body_parts import WAYS, parts_of, sure_and_guessed
from steadypose.realtime.report.charts import Line, line_chart
from steadypose.realtime.report.quality import has_raw
from steadypose.realtime.report.scales import DEGREE_STEPS, Scale, number_scale, time_scale
from steadypose.realtime.report.words import (
    DASH,
    SIDES,
    figure,
    legend,
    number,
    spoken,
)
from steadypose.realtime.smooth.angles import JOINTS, TRUNK, joint_angle, trunk_angle

_LEAST_PX = 12.0  # a smaller range would magnify noise
_SHORT_LIMB = 0.02  # of the body height; shorter limbs have no direction


def positions(track: PersonTrack, keypoints: Sequence[str], part: str, *, most: int) -> str:
    """Both coordinates of a body part over time, raw thin and filtered bold."""
    members = parts_of(keypoints)[part]
    time = time_scale(float(track.time_s[0]), float(track.time_s[-1]))
    is_sure = track.state[:, members] == State.MEASURED
    # While a keypoint is lost, raw positions scatter over the whole frame.
    raw_xy = np.where(
        (track.state == State.LOST)[:, members, None], np.nan, track.raw_xy[:, members]
    )
    charts = []
    for axis, letter in enumerate("xy"):
        raw_lines, lines = [], []
        for n, k in enumerate(members):
            side, name = side_of(keypoints[k]), f"{spoken(keypoints[k])} {letter}"
            raw = raw_xy[:, n, axis]
            raw_lines.append(Line(track.time_s, raw, f"{side} raw", f"{name}, raw"))
            lines += sure_and_guessed(track.time_s, track.xy[:, k, axis], is_sure[:, n], side, name)
        scale = _scale_of(track.xy[:, members, axis][is_sure], unit=f"{letter}, px")
        charts.append(
            line_chart(
                raw_lines + lines,
                time,
                scale if letter == "x" else scale.turned(),
                label=f"{part} {letter} over time",
                size="height:120px",
                has_x_labels=letter == "y",
                most=most,
            )
        )
    sides = [side_of(keypoints[k]) for k in members]
    note = "Look for steps: there the keypoint jumped. A break is lost. "
    if has_raw(track):
        note = (
            "Bold should run through the middle of thin, without its trembling and without "
            "coming later. A break is lost. "
        )
    return figure(
        spoken(part).capitalize(),
        legend(sides, has_raw=has_raw(track)) + "".join(charts),
        note + "Up in the chart is up in the picture.",
    )


def _scale_of(
    values: FloatArray, *, unit: str, least: float = _LEAST_PX, steps: Sequence[float] = ()
) -> Scale:
    values = values[np.isfinite(values)]
    low, high = (float(values.min()), float(values.max())) if len(values) else (0.0, 1.0)
    margin = max(0.08 * (high - low), (least - (high - low)) / 2)
    return number_scale(low - margin, high + margin, count=4, steps=steps, unit=unit)


def speeds(track: PersonTrack, keypoints: Sequence[str], height_px: float, *, most: int) -> str:
    """Speed of wrists, ankles and body centre, one below the other."""
    # A step from a predicted to a measured position is a jump, not a movement.
    sure_xy = np.where((track.state == State.MEASURED)[:, :, None], track.xy, np.nan)
    parts = {part: ks for part, ks in parts_of(keypoints).items() if part in WAYS}
    named = {
        f"{part}s": [(side_of(keypoints[k]), sure_xy[:, k]) for k in members]
        for part, members in parts.items()
    }
    named["body centre"] = [("middle", body_center(sure_xy, keypoints))]
    time = time_scale(float(track.time_s[0]), float(track.time_s[-1]))
    charts, peaks = [], []
    for name, places in named.items():
        curves = [(side, speed_px_s(xy, track.time_s)) for side, xy in places]
        known = np.concatenate([speed[np.isfinite(speed)] for _, speed in curves])
        top = 1.1 * float(np.quantile(known, 0.999)) if len(known) else 0.0
        scale = number_scale(0.0, max(top, _LEAST_PX), count=3, unit=f"{name}, px/s")
        chart = line_chart(
            [Line(track.time_s, speed, side, f"{side} {name}") for side, speed in curves],
            time,
            scale,
            label=f"speed of the {name} over time",
            right=_in_heights(scale, height_px),
            size="height:100px",
            has_x_labels=name == "body centre",
            most=most,
        )
        charts.append(chart)
        peaks += [f"{name} {number(float(known.max()), 0)} px/s"] if len(known) else []
    note = (
        "Peaks are movements; the floor between them is what the filter leaves of the noise. "
        "Only measured moments count. "
        f"Fastest: {', '.join(peaks) or DASH}."
    )
    return figure("Speed", legend(SIDES) + "".join(charts), note)


def _in_heights(scale: Scale, height_px: float) -> Scale | None:
    """The same axis in body heights."""
    if not height_px > 0:
        return None
    return number_scale(0.0, scale.high / height_px, count=3, unit="body heights/s")


def angles(
    track: PersonTrack, keypoints: Sequence[str], height_px: float, *, most: int
) -> list[str]:
    """Joint angles, left and right together; nothing if the skeleton has no such joints."""
    shortest = _SHORT_LIMB * height_px if height_px > 0 else 1.0
    time = time_scale(float(track.time_s[0]), float(track.time_s[-1]))
    found = []
    for joint in JOINTS:
        lines = []
        for side in ("left", "right"):
            angle = joint_angle(
                track.xy, track.time_s, keypoints, joint=joint, side=side, shortest_px=shortest
            )
            if angle is not None:
                members = [keypoints.index(f"{side}_{part}") for part in JOINTS[joint]]
                is_sure = (track.state[:, members] == State.MEASURED).all(axis=1)
                name = f"{side} {joint} angle"
                lines += sure_and_guessed(track.time_s, angle, is_sure, side, name)
        if not lines:
            continue
        values = np.concatenate([line.y for line in lines if "guess" not in line.style])
        scale = _scale_of(values, unit="degrees", least=30.0, steps=DEGREE_STEPS)
        chart = line_chart(lines, time, scale, label=f"{joint} angle over time", most=most)
        note = (
            f"{_ANGLE_NOTES[joint]} Below 0° or above 180° it bends the other way in the picture."
        )
        found.append(figure(f"{joint.capitalize()} angle", legend(("left", "right")) + chart, note))
    lean = trunk_angle(track.xy, track.time_s, keypoints, shortest_px=shortest)
    if lean is not None and np.isfinite(lean).any():
        members = [keypoints.index(part) for part in TRUNK]
        is_sure = (track.state[:, members] == State.MEASURED).all(axis=1)
        lines = sure_and_guessed(track.time_s, lean, is_sure, "middle", "trunk angle")
        scale = _scale_of(lean, unit="degrees", least=30.0, steps=DEGREE_STEPS)
        chart = line_chart(lines, time, scale, label="trunk angle over time", most=most)
        found.append(figure("Trunk angle", chart, _ANGLE_NOTES["trunk"]))
    return found


_ANGLE_NOTES = {
    "elbow": "180° is a straight arm, 90° a right angle, as seen in the picture.",
    "shoulder": "0° is an arm hanging beside the trunk, 180° one stretched up.",
    "hip": "180° is standing upright, 90° is sitting or a lifted thigh.",
    "trunk": "0° is an upright trunk, 90° one that leans to the right of the picture.",
    "knee": "180° is a straight leg; every step and every squat is a dip.",
}
