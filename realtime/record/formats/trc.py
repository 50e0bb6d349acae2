"""Recordings as TRC, the marker files of OpenSim."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from steadypose.engines.errors import RecordError, UsageError
from steadypose.engines.wording.printable import visible
from steadypose.realtime.datatypes import FloatArray
from steadypose.realtime.record.formats.reading import PersonTrack, Recording

# Share of a standing person's height: Winter 2009, Biomechanics and Motor Control of
# Human Movement, fig. 4.1, after Drillis and Contini 1966.
_EYE_HEIGHT, _ANKLE_HEIGHT = 0.936, 0.039
_BRIDGED_FRAMES = 2.5  # a frame that the camera dropped is no gap
TRC_HEAD = (
    *("DataRate", "CameraRate", "NumFrames", "NumMarkers", "Units"),
    *("OrigDataRate", "OrigDataStartFrame", "OrigNumFrames"),
)
_LEAST_STEP_S = 1e-4  # the last digit of recorded times
_MOST_SAMPLES = 3_000_000  # 28 hours at 30 Hz; they are all in memory
_UNUSUAL = 0.5  # share of the usual step by which a camera's may differ


@dataclass(frozen=True, slots=True, eq=False)
class Markers:
    """One person's markers at a constant rate.

    Attributes:
        names: K marker names.
        rate_hz: Samples a second.
        time_s: (T,) seconds.
        xyz: (T, K, 3) ``unit``, x right, y up from the lowest point, z 0; NaN in gaps.
        unit: ``m`` or ``mm``.
    """

    names: tuple[str, ...]
    rate_hz: float
    time_s: FloatArray
    xyz: FloatArray
    unit: str


def to_markers(recording: Recording, person: int | None, height_m: float | None) -> Markers:
    """One person as markers.

    Args:
        recording: What was recorded.
        person: An id; None: the one seen in most frames.
        height_m: The person's height, which turns pixels into metres; None: a pixel
            becomes a millimetre.

    Raises:
        UsageError: There is no such person.
        RecordError: The person is seen too briefly, or never from eyes to ankles.
    """
    track = _chosen(recording, person)
    if len(track.frame) < 2:
        raise RecordError(
            f"person {track.person} is in {len(track.frame)} frame, too few for a rate",
            fix="record longer, or choose another with --person",
        )
    rate_hz = _rate(track)
    lasts_s = float(track.time_s[-1] - track.time_s[0])
    count = math.floor(lasts_s * rate_hz + 1e-3) + 1
    if count > _MOST_SAMPLES:
        raise RecordError(
            f"person {track.person} is followed for {lasts_s:.0f} s, {count} samples at "
            f"{rate_hz:g} Hz: a TRC may have {_MOST_SAMPLES}",
            fix="check the times in the recording, or record shorter parts with --split 10h",
        )
    time_s = track.time_s[0] + np.arange(count) / rate_hz
    xy = resample(track.time_s, track.xy, time_s, longest_s=_BRIDGED_FRAMES / rate_hz)
    if np.isnan(xy).all():
        raise RecordError(
            f"no keypoint of person {track.person} has a position", fix="choose another --person"
        )
    scale = 1.0 if height_m is None else height_m / _pixel_height(recording, track)
    up = np.nanmax(xy[..., 1]) - xy[..., 1]
    xyz = np.stack((xy[..., 0] * scale, up * scale, np.where(np.isnan(up), np.nan, 0.0)), axis=-1)
    unit = "mm" if height_m is None else "m"
    return Markers(recording.keypoints, rate_hz, time_s, xyz, unit)


def _chosen(recording: Recording, person: int | None) -> PersonTrack:
    if person is None:
        return max(recording.people, key=lambda track: len(track.frame))
    for track in recording.people:
        if track.person == person:
            return track
    ids = ", ".join(str(track.person) for track in recording.people[:20])
    raise UsageError(f"--person {person} is not in the recording", fix=f"choose one of {ids}")


def _rate(track: PersonTrack) -> float:
    """Frame rate of the recording, in 0.01 Hz; pauses and stalls do not count.

    Times are rounded to 0.0001 s, so the mean of many steps is taken, of those about as long as
    most are.
    """
    seconds, frames = np.diff(track.time_s), np.diff(track.frame)
    step_s = seconds / frames
    usual_s = float(np.median(step_s))
    is_usual = np.abs(step_s - usual_s) <= _UNUSUAL * usual_s
    mean_s = float(seconds[is_usual].sum() / frames[is_usual].sum())
    if mean_s < _LEAST_STEP_S:
        raise RecordError(
            f"the times of person {track.person} do not grow", fix="record the file again"
        )
    return max(0.01, round(1.0 / mean_s, 2))


def resample(
    time_s: FloatArray, values: FloatArray, at_s: FloatArray, *, longest_s: float
) -> FloatArray:
    """Straight lines between samples; what lies in a longer gap is NaN.

    Args:
        time_s: (T,) growing.
        values: (T, ...) NaN where there is nothing.
        at_s: (S,) where to look, within ``time_s``.
        longest_s: Longest gap that is bridged.

    Returns:
        (S, ...) values.
    """
    after = np.clip(np.searchsorted(time_s, at_s), 1, len(time_s) - 1)
    before = after - 1
    gap_s = time_s[after] - time_s[before]
    share = np.clip((at_s - time_s[before]) / np.maximum(gap_s, 1e-9), 0.0, 1.0)
    # On a sample, to the rounding of the times, its neighbour need not exist.
    near_s = 2e-4
    share = np.where(at_s - time_s[before] < near_s, 0.0, share)
    share = np.where(time_s[after] - at_s < near_s, 1.0, share)
    wide = share.reshape(-1, *(1,) * (values.ndim - 1))
    found = np.where(wide < 1.0, values[before], 0.0) * (1.0 - wide)
    found = found + np.where(wide > 0.0, values[after], 0.0) * wide
    found[(gap_s > longest_s) & (share > 0.0) & (share < 1.0)] = np.nan
    result: FloatArray = found
    return result


def _pixel_height(recording: Recording, track: PersonTrack) -> float:
    """Median height in pixels of a person who stands, from eyes and ankles."""
    try:
        eyes = [recording.keypoints.index(f"{side}_eye") for side in ("left", "right")]
        ankles = [recording.keypoints.index(f"{side}_ankle") for side in ("left", "right")]
    except ValueError as error:
        raise UsageError(
            "--height needs eyes and ankles, which this recording's skeleton does not have",
            fix="leave out --height",
        ) from error
    seen_px = track.xy[:, ankles, 1].mean(axis=1) - track.xy[:, eyes, 1].mean(axis=1)
    seen_px = seen_px[seen_px > 0]
    if not len(seen_px):
        raise RecordError(
            f"--height: person {track.person} is never seen from eyes to ankles",
            fix="leave out --height, then a pixel is a millimetre",
        )
    return float(np.median(seen_px)) / (_EYE_HEIGHT - _ANKLE_HEIGHT)


def write_trc(path: Path, markers: Markers, *, title: str) -> None:
    """Write a TRC file.

    Args:
        path: The file.
        markers: What to write.
        title: The file name in the first line.

    Raises:
        OSError: It cannot be written.

    Source:
        OpenSim documentation, "Marker (.trc) Files".
    """
    count, rate = len(markers.time_s), f"{markers.rate_hz:.2f}"
    names, numbers = markers.names, range(1, len(markers.names) + 1)
    lines = [
        ["PathFileType", "4", "(X/Y/Z)", visible(title)],
        list(TRC_HEAD),
        [rate, rate, str(count), str(len(names)), markers.unit, rate, "1", str(count)],
        ["Frame#", "Time", *(cell for name in map(visible, names) for cell in (name, "", ""))],
        ["", "", *(f"{axis}{number}" for number in numbers for axis in "XYZ")],
        [],
    ]
    digits = 5 if markers.unit == "m" else 2
    with path.open("w", newline="\n", encoding="utf-8") as file:
        file.writelines("\t".join(line) + "\n" for line in lines)
        flat = markers.xyz.reshape(count, -1).tolist()
        for number, (time_s, row) in enumerate(zip(markers.time_s.tolist(), flat, strict=True), 1):
            cells = ["" if math.isnan(value) else f"{value:.{digits}f}" for value in row]
            # OpenSim 4.6 does not count an empty cell at the end of a line.
            cells[-1] = cells[-1] or "nan"
            file.write("\t".join([str(number), f"{time_s:.6f}", *cells]) + "\n")
