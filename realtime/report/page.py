"""Build the report page: one self-contained HTML file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from steadypose.realtime.datatypes import FloatArray
from steadypose.realtime.record.formats.reading import PersonTrack, Recording
from steadypose.realtime.report import checks, curves
from steadypose.realtime.report.body import body_height_px, with_breaks
from steadypose.realtime.report.body_parts import parts_of
from steadypose.realtime.report.charts import MOST_POINTS
from steadypose.realtime.report.limbs import Limbs, limbs_of
from steadypose.realtime.report.quality import Timing, has_raw, jitter, presence, timing
from steadypose.realtime.report.scales import clock
from steadypose.realtime.report.sidecar_text import RunInfo
from steadypose.realtime.report.trajectories import trajectories
from steadypose.realtime.report.words import TIMES, definition_list, escape, number, spoken

MOST_SECTIONS = 12  # people with a section; the others only get a bar in the timeline
_MOST_BARS = 60
_PAGE_POINTS = 330_000  # about 5 bytes each
_MAIN_PARTS = ("wrist", "ankle", "nose", "head_top", "shoulder", "elbow", "hip", "knee")
_OPEN_PARTS = 2
# Left and right as in realtime/app/draw.py (Okabe and Ito 2008), darker on white paper; what
# draw.py shows white on a picture is green here.
# What the page has, its own style, and nothing else: a second lock behind ``escape``.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
_TITLE = " - steadypose report"
_STYLE = Path(__file__).with_name("style.css")


def is_report(head: bytes, name: str = "") -> bool:
    """Whether a file begins as a page of ours, about a recording of that name if it is given."""
    title = f"<title>{escape(name)}{_TITLE}</title>" if name else f"{_TITLE}</title>"
    return head.startswith(b"<!DOCTYPE html>") and title.encode() in head


def build_page(
    recording: Recording, run: RunInfo | None = None, *, limbs: Limbs | None = None
) -> str:
    """The report as one HTML document, also valid as XML.

    Args:
        recording: What was recorded; only the people in it are shown.
        run: Content of its sidecar.
        limbs: Keypoints to join; default: what is known of the recording.

    Returns:
        The text of the file. It refers to nothing outside itself.
    """
    people = [track for track in recording.people if len(track.frame)]
    longest = sorted(people, key=lambda track: -len(track.frame))[:MOST_SECTIONS]
    shown = sorted(longest, key=lambda track: track.person)
    most = _points_each(recording.keypoints, shown)
    limbs = limbs_of(recording) if limbs is None else limbs
    sections = [_section(track, recording.keypoints, limbs, most=most) for track in shown]
    title = escape(recording.path.name)
    style = _STYLE.read_text(encoding="utf-8")
    return (
        '<!DOCTYPE html>\n<html lang="en" xmlns="http://www.w3.org/1999/xhtml"><head>'
        '<meta charset="utf-8"/>'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}"/>'
        '<meta name="viewport" content="width=device-width, initial-scale=1"/>'
        f"<title>{title}{_TITLE}</title><style>\n{style}</style></head>\n<body>"
        f"{_head(recording, people, shown, run)}\n{''.join(sections)}"
        "<footer>Positions are pixels of the camera's frame; left and right are the person's own. "
        "Angles and speeds are those of the picture, not of space.</footer></body></html>\n"
    )


def _points_each(keypoints: Sequence[str], people: Sequence[PersonTrack]) -> int:
    """Points per curve that keep the page small for any number of curves."""
    count = sum(min(1.0, len(track.frame) / MOST_POINTS) for track in people)
    count *= 6 * min(len(keypoints), 15) + 24
    return int(np.clip(_PAGE_POINTS / max(count, 1e-9), 90, MOST_POINTS))


def _head(
    recording: Recording,
    people: Sequence[PersonTrack],
    shown: Sequence[PersonTrack],
    run: RunInfo | None,
) -> str:
    parts = [
        f'<header><p class="brand">steadypose report</p><h1>{escape(recording.path.name)}</h1>',
    ]
    if not people:
        return "".join(parts) + '<p class="warn">This recording contains no people.</p></header>'
    times = timing(people)
    parts.append(
        definition_list(_header_rows(recording, people, times) + (run.main if run else []))
    )
    if run and run.rest:
        parts.append(
            f"<details><summary>All settings</summary>{definition_list(run.rest)}</details>"
        )
    if run and run.problem:
        parts.append(f'<p class="warn">{escape(run.problem)}</p>')
    if recording.is_cut:
        parts.append(
            '<p class="warn">The last row was incomplete and was left out: the recording ended '
            "without being closed.</p>"
        )
    if len(people) > 1:
        links = [f'<a href="#person-{t.person}">Person {t.person}</a>' for t in shown]
        parts.append(f'<nav aria-label="People">{"".join(links)}</nav>')
    if len(shown) < len(people):
        parts.append(
            f'<p class="warn">{len(people)} people were recorded; the {len(shown)} who were '
            "followed longest have a section. --person N shows another one.</p>"
        )
    overview = [checks.timing_histogram(times)]
    if len(people) > 1:
        linked = {track.person for track in shown}
        longest = sorted(people, key=lambda track: -len(track.frame))[:_MOST_BARS]
        rows = sorted(longest, key=lambda track: track.person)
        overview.append(checks.timeline(rows, linked, times))
    parts.append(f'</header><div class="grid-2">{"".join(overview)}</div>')
    return "".join(parts)


def _header_rows(
    recording: Recording, people: Sequence[PersonTrack], times: Timing
) -> list[tuple[str, str]]:
    lasts_s = times.end_s - times.begin_s
    usual_ms = float(np.median(times.interval_ms)) if len(times.interval_ms) else 0.0
    rate = 1000.0 / usual_ms if usual_ms > 0 else float("nan")
    lasts = f"{clock(lasts_s)} {'h' if lasts_s >= 3599.5 else 'min'}"
    lasts = lasts if lasts_s >= 60 else f"{lasts_s:.2f} s"
    return [
        ("persons", str(len(people))),
        ("duration", lasts),
        ("frames", f"{number(times.frames, 0)} at {number(rate, 1)} per second"),
        ("keypoints", str(len(recording.keypoints))),
        ("raw positions", "recorded" if any(map(has_raw, people)) else "not recorded"),
    ]


def _section(track: PersonTrack, keypoints: Sequence[str], limbs: Limbs, *, most: int) -> str:
    """The section of one person."""
    height_px = body_height_px(track.xy, keypoints)
    begin, end = float(track.time_s[0]), float(track.time_s[-1])
    span = int(track.frame[-1] - track.frame[0]) + 1
    head = (
        f'<section id="person-{track.person}"><h2>Person {track.person}</h2>'
        f"<p>{clock(begin)} to {clock(end)}, followed in {number(len(track.frame), 0)} of "
        f"{number(span, 0)} frames, about {number(height_px, 0)} px tall.</p>"
    )
    if not np.isfinite(track.xy).any():
        return f'{head}<p class="warn">No keypoint of this person was ever seen.</p></section>'
    restless = jitter(track, height_px)
    tiles = _tiles(track, restless.raw_px, restless.smooth_px, keypoints)
    whole = with_breaks(track)
    motion = [
        trajectories(whole, keypoints, most=most, limbs=limbs),
        curves.speeds(whole, keypoints, height_px, most=most),
    ]
    bends = curves.angles(whole, keypoints, height_px, most=most)
    quality = [
        checks.gaps(track, keypoints),
        checks.scores(track, keypoints),
    ]
    parts = [head, tiles, "<h4>Motion</h4>", _grid(motion), "<h4>Positions over time</h4>"]
    if not has_raw(track):
        parts.append(
            '<p class="warn">Raw positions were not recorded, so only filtered ones are drawn: '
            "record with --csv-layout long to see both.</p>"
        )
    parts.append(_positions(whole, keypoints, most=most))
    if bends:
        parts += ["<h4>Joint angles</h4>", _grid(bends)]
    parts += [
        "<h4>Quality</h4>",
        checks.jitter_table(track, keypoints, restless),
        _grid(quality),
        "</section>\n",
    ]
    return "".join(parts)


def _tiles(
    track: PersonTrack, raw_px: FloatArray, smooth_px: FloatArray, keypoints: Sequence[str]
) -> str:
    """The most important figures."""
    shares = presence(track)
    both = np.isfinite(raw_px) & np.isfinite(smooth_px) & (smooth_px > 0)
    weakest = int(shares[:, 0].argmin())
    word = "measured" if has_raw(track) else "seen"
    tiles = [
        (f"{shares[:, 0].mean():.1%}", f"of all keypoint positions {word}"),
        (f"{shares[weakest, 0]:.1%}", f"of the one seen least: {spoken(keypoints[weakest])}"),
    ]
    if both.any():
        before, after = float(np.median(raw_px[both])), float(np.median(smooth_px[both]))
        tiles.append((f"{before:.2f} → {after:.2f} px", "motion per frame at rest, median"))
        ratio = float(np.median(raw_px[both] / smooth_px[both]))
        tiles.append((f"{ratio:.1f}{TIMES}", "calmer at rest after filtering"))
    rows = [f"<li><b>{escape(value)}</b>{escape(text)}</li>" for value, text in tiles]
    return f'<ul class="tiles">{"".join(rows)}</ul>'


def _positions(track: PersonTrack, keypoints: Sequence[str], *, most: int) -> str:
    """The first parts visible, the others folded."""
    parts = parts_of(keypoints)
    names = [part for part in _MAIN_PARTS if part in parts] or list(parts)[:MOST_SECTIONS]
    charts = [curves.positions(track, keypoints, part, most=most) for part in names]
    rest = ", ".join(spoken(part) for part in names[_OPEN_PARTS:])
    folded = ""
    if rest:
        grid = _grid(charts[_OPEN_PARTS:])
        folded = f"<details><summary>Also: {escape(rest)}</summary>{grid}</details>"
    return _grid(charts[:_OPEN_PARTS]) + folded


def _grid(figures: Sequence[str]) -> str:
    return f'<div class="grid-2">{"".join(figures)}</div>'
