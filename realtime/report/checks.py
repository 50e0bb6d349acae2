"""The figures and tables on a recording's quality: jitter, gaps, scores, frame times."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from steadypose.engines.skeletons.sides import side_of
from steadypose.realtime.record.formats.reading import PersonTrack
from steadypose.realtime.report.quality import Jitter, Timing, has_raw, presence, score_ranks
from steadypose.realtime.report.rows import Mark, Row, histogram, row_chart
from steadypose.realtime.report.scales import clock, number_scale, time_scale
from steadypose.realtime.report.words import (
    DASH,
    TIMES,
    escape,
    figure,
    legend,
    number,
    spoken,
)

_STATES = (("measured", "measured"), ("predicted", "predicted"), ("lost", "lost"))
_BARS = 61  # odd: an even camera's interval lies within a bar and not between two


def jitter_table(track: PersonTrack, keypoints: Sequence[str], found: Jitter) -> str:
    """Jitter per keypoint before and after filtering, with the ratio."""
    raw = has_raw(track)
    rows = []
    for k, name in enumerate(keypoints):
        cells = [f'<th scope="row" class="{side_of(name)}">{escape(spoken(name))}</th>']
        cells.append(_cell(str(found.rest_frames[k]), "extra"))
        for before, after, digits in (
            (found.raw_px[k], found.smooth_px[k], 2),
            (found.raw_px_s2[k], found.smooth_px_s2[k], 0),
        ):
            if raw:
                cells.append(_cell(number(before, digits)))
            cells.append(_cell(number(after, digits)))
            if raw:
                cells.append(_ratio(before, after))
        rows.append(f"<tr>{''.join(cells)}</tr>")
    columns = ("raw", "filtered", "ratio") if raw else ("filtered",)
    one = "".join(f'<th scope="col">{column}</th>' for column in columns)
    span = len(columns)
    head = (
        '<tr><th rowspan="2" scope="col">keypoint</th>'
        '<th rowspan="2" scope="col" class="extra">frames<br/>at rest</th>'
        f'<th colspan="{span}" scope="colgroup">motion at rest, px per frame</th>'
        f'<th colspan="{span}" scope="colgroup">RMS acceleration, px/s²</th></tr>'
        f"<tr>{one}{one}</tr>"
    )
    body = f"<thead>{head}</thead><tbody>{''.join(rows)}</tbody>"
    table = f'<div class="scroll"><table>{body}</table></div>'
    note = (
        "At rest is slower than a tenth of the body height a second: what moves there is noise. "
        "Acceleration counts every frame, real movement too. "
    )
    if raw:
        note += (
            "A ratio of 3 means three times calmer after filtering; a dash means too few frames."
        )
    else:
        note += "Raw positions were not recorded: record with --csv-layout long to compare."
    return figure("Jitter before and after filtering", table, note)


def _cell(text: str, kind: str = "") -> str:
    return f'<td class="{kind}">{text}</td>' if kind else f"<td>{text}</td>"


def _ratio(before: float, after: float) -> str:
    ratio = before / after if after > 0 else float("nan")
    return _cell(f"{number(ratio, 1)}{TIMES}" if np.isfinite(ratio) else DASH, "ratio")


def gaps(track: PersonTrack, keypoints: Sequence[str]) -> str:
    """Chart how often each keypoint was measured, predicted and lost."""
    rows = []
    for name, shares in zip(keypoints, presence(track), strict=True):
        edges = np.concatenate(([0.0], shares.cumsum())) * 100
        marks = tuple(
            Mark(edges[n], edges[n + 1], style, f"{spoken(name)}: {word} {shares[n]:.1%}")
            for n, (style, word) in enumerate(_STATES)
            if shares[n] > 0
        )
        rows.append(Row(spoken(name), marks))
    keys = "".join(f'<span class="key block {style}">{word}</span>' for style, word in _STATES)
    chart = row_chart(rows, number_scale(0, 100, count=4, suffix=" %"), label="gaps by keypoint")
    note = "Share of this person's frames; long pale bars are keypoints to trust less. "
    note += "Predicted is the filter's guess while the network was unsure."
    if not has_raw(track):
        note += " A measurement that it refused counts as measured: the table does not tell."
    return figure("Seen, guessed, lost", f'<p class="legend">{keys}</p>{chart}', note)


def scores(track: PersonTrack, keypoints: Sequence[str]) -> str:
    """Chart the network's scores of each keypoint."""
    rows = []
    for name, ranks in zip(keypoints, score_ranks(track), strict=True):
        side = side_of(name)
        marks: tuple[Mark, ...] = ()
        if np.isfinite(ranks).all():
            low, lower, middle, upper, high = map(float, ranks)
            range_ = f"half of the frames {lower:.2f} to {upper:.2f}"
            title = f"{spoken(name)}: median {middle:.2f}, {range_}"
            marks = (
                Mark(low, high, f"{side} whisker", title, 3),
                Mark(lower, upper, f"{side} half", title, 11),
                Mark(middle, middle, "median", title, 15),
            )
        rows.append(Row(spoken(name), marks))
    scale = number_scale(0.0, 1.0)
    sides = [side_of(name) for name in keypoints]
    return figure(
        "Scores",
        legend(sides) + row_chart(rows, scale, label="score distribution by keypoint"),
        "The network's score: the box holds half of the frames, the line 80 %, the tick is the "
        "median. Boxes far left or very long are keypoints that were often hidden.",
    )


def timing_histogram(found: Timing) -> str:
    """Chart how evenly the frames arrived."""
    missing = (
        f"{found.missing} frame numbers have no row: no person was in view, "
        "or the frame was dropped."
        if found.missing
        else "No frame is missing between the first and the last with a person in it."
    )
    if not len(found.interval_ms):
        return figure("Time between frames", "", missing) if found.missing else ""
    intervals = found.interval_ms
    usual, slow = (float(v) for v in np.quantile(intervals, (0.5, 0.99)))
    high = max(float(np.quantile(intervals, 0.999)), usual * 1.5, 1.0)
    low = max(0.0, min(float(intervals.min()), usual * 0.5))
    counts, edges = np.histogram(intervals.clip(low, high), bins=_BARS, range=(low, high))
    chart = histogram(edges, counts.astype(float), unit="ms", label="histogram of frame intervals")
    return figure(
        "Time between frames",
        chart,
        f"Half take up to {usual:.1f} ms, 99 % up to {slow:.1f} ms. One narrow peak is an even "
        f"camera, a second one at twice the time is frames that came late. {missing}",
    )


def timeline(people: Sequence[PersonTrack], linked: set[int], found: Timing) -> str:
    """Chart when each person was in view."""
    rows = []
    for track in people:
        edges = np.flatnonzero(np.diff(track.time_s) > 0.5)
        begins = track.time_s[np.concatenate(([0], edges + 1))]
        ends = track.time_s[np.concatenate((edges, [-1]))]
        marks = tuple(
            Mark(float(b), float(e), "bar", f"person {track.person}: {clock(b)} to {clock(e)}")
            for b, e in zip(begins, ends, strict=True)
        )
        link = f"person-{track.person}" if track.person in linked else ""
        rows.append(Row(f"person {track.person}", marks, link))
    time = time_scale(found.begin_s, found.end_s)
    return figure(
        "When each person was in view",
        row_chart(rows, time, label="times in which each person was followed"),
        "Two short bars one after the other may be one person who got a new id.",
    )
