"""The figure of a person's trajectories."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from steadypose.engines.skeletons.sides import side_of
from steadypose.realtime.datatypes import FloatArray, State
from steadypose.realtime.record.formats.reading import PersonTrack
from steadypose.realtime.report.body import body_center
from steadypose.realtime.report.body_parts import WAYS, parts_of, sure_and_guessed
from steadypose.realtime.report.charts import Line, line_chart
from steadypose.realtime.report.limbs import Limbs
from steadypose.realtime.report.scales import Scale, number_scale
from steadypose.realtime.report.words import figure, legend, spoken

_GHOSTS = 5  # skeletons along the way


def trajectories(
    track: PersonTrack, keypoints: Sequence[str], *, most: int, limbs: Limbs = ()
) -> str:
    """Trajectories of wrists, ankles and body centre in the frame, over a few skeletons."""
    parts = parts_of(keypoints)
    names = [part for part in WAYS if part in parts]
    shown = [k for part in names for k in parts[part]] or list(range(min(4, len(keypoints))))
    sure_xy = np.where((track.state == State.MEASURED)[:, :, None], track.xy, np.nan)
    center = body_center(sure_xy, keypoints)
    lines = _ghosts(track, limbs)
    for k in shown:
        name = keypoints[k]
        x, y = track.xy[:, k].T
        is_sure = track.state[:, k] == State.MEASURED
        style = f"{side_of(name)} way"
        lines += sure_and_guessed(x, y, is_sure, style, spoken(name), is_path=True)
    lines.append(Line(center[:, 0], center[:, 1], "middle", "body centre", is_path=True))
    x_scale, y_scale = _picture_scales(sure_xy[np.isfinite(sure_xy).all(axis=2)])
    shape = (
        f"aspect-ratio:{abs(x_scale.high - x_scale.low):.0f}/{abs(y_scale.low - y_scale.high):.0f}"
    )
    chart = line_chart(
        lines,
        x_scale,
        y_scale,
        label="trajectories of keypoints in the picture",
        size=shape,
        most=most,
    )
    what = ", ".join(f"{part}s" for part in names) or "the first keypoints"
    return figure(
        "Trajectories",
        legend(("left", "right", "middle")) + chart,
        f"Where {what} and the body centre (middle) went, in pixels of the camera's picture; grey "
        f"skeletons are moments, the later the stronger. Look for straight spikes: there a "
        "keypoint jumped. Dotted is predicted.",
    )


def _picture_scales(xy: FloatArray) -> tuple[Scale, Scale]:
    """Axes around (N, 2) points, with the same scale in both directions."""
    low, high = (np.zeros(2), np.ones(2)) if not len(xy) else (xy.min(axis=0), xy.max(axis=0))
    center, size = (low + high) / 2, np.maximum(high - low, 20.0) * 1.08
    width = max(size[0], 1.35 * size[1])  # a tall figure would not fit on a screen
    height = max(size[1], width / 2.4)
    x = number_scale(center[0] - width / 2, center[0] + width / 2, count=6)
    return x, number_scale(center[1] - height / 2, center[1] + height / 2, unit="px").turned()


def _ghosts(track: PersonTrack, limbs: Limbs) -> list[Line]:
    """The skeleton at a few moments, if its limbs are known."""
    whole = np.flatnonzero((track.state == State.MEASURED).mean(axis=1) > 0.6)
    if not limbs or not len(whole):
        return []
    chosen = whole[np.linspace(0, len(whole) - 1, _GHOSTS).round().astype(int)]
    lines = []
    for place, t in enumerate(np.unique(chosen)):
        ends = np.full((len(limbs), 3, 2), np.nan)
        ends[:, :2] = track.xy[t][np.array(limbs)]
        x, y = ends.reshape(-1, 2).T
        fade = 0.2 + 0.6 * (place + 1) / _GHOSTS
        title = f"{track.time_s[t]:.2f} s"
        lines.append(Line(x, y, "ghost", title, is_path=True, opacity=fade))
    return lines
