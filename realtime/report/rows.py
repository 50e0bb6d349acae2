"""Charts with named rows (bars, strips, spans), and the histogram."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from steadypose.realtime.datatypes import FloatArray
from steadypose.realtime.report.charts import drawing, x_axis
from steadypose.realtime.report.scales import Scale, number_scale
from steadypose.realtime.report.words import escape

_ROW = 22  # pixels


@dataclass(frozen=True, slots=True)
class Mark:
    """A bar from one value to another.

    Attributes:
        begin: Where it starts, a value of the axis.
        end: Where it ends; equal to ``begin`` for a tick.
        style: Classes of the style sheet.
        title: Shown when the pointer rests on it.
        thickness: Pixels.
    """

    begin: float
    end: float
    style: str
    title: str
    thickness: int = 12


@dataclass(frozen=True, slots=True)
class Row:
    """A named line of marks; ``link`` is the id of a place on the page."""

    name: str
    marks: tuple[Mark, ...]
    link: str = ""


def row_chart(rows: Sequence[Row], scale: Scale, *, label: str) -> str:
    """Marks along one axis, a row each.

    Args:
        rows: From top to bottom.
        scale: The axis they share.
        label: Text alternative for those who cannot see the chart.
    """
    parts = [x_axis(scale)]
    for number, row in enumerate(rows):
        middle = number * _ROW + _ROW // 2
        name = f'<text class="tick end" x="0" y="{middle}" dx="-8" dy="4">{escape(row.name)}</text>'
        parts.append(f'<a href="#{escape(row.link)}">{name}</a>' if row.link else name)
        parts.extend(_mark(mark, scale, middle) for mark in row.marks)
    chart = drawing("".join(parts), label=label, size=f"height:{len(rows) * _ROW}px")
    return f'<div class="rows">{chart}</div>'


def _mark(mark: Mark, scale: Scale, middle: int) -> str:
    begin, end = (100 * float(scale.share(value)) for value in (mark.begin, mark.end))
    return (
        f'<rect class="{escape(mark.style)}" x="{begin:.2f}%" y="{middle - mark.thickness / 2:g}" '
        f'width="{max(end - begin, 0.35):.2f}%" height="{mark.thickness}">'
        f"<title>{escape(mark.title)}</title></rect>"
    )


def histogram(edges: FloatArray, counts: FloatArray, *, unit: str, label: str) -> str:
    """Upright bars.

    Args:
        edges: (N + 1,) increasing edges of the bars.
        counts: (N,) heights.
        unit: Of the edges, follows the labels.
        label: Text alternative for those who cannot see the chart.
    """
    scale = number_scale(float(edges[0]), float(edges[-1]), count=8, suffix=f" {unit}")
    most = max(float(counts.max()), 1.0)
    parts = [x_axis(scale)]
    for begin, end, count in zip(edges[:-1], edges[1:], counts, strict=True):
        if not count:
            continue
        left, right = 100 * float(scale.share(begin)), 100 * float(scale.share(end))
        high = max(100 * float(count) / most, 0.6)
        parts.append(
            f'<rect class="bar" x="{left:.2f}%" y="{100 - high:.2f}%" '
            f'width="{max(right - left - 0.1, 0.1):.2f}%" height="{high:.2f}%">'
            f"<title>{begin:.1f} to {end:.1f} {escape(unit)}: {count:.0f}</title></rect>"
        )
    return drawing("".join(parts), label=label, size="height:150px")
