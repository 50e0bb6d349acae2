"""Draw charts as inline SVG, without a library or script.

A chart has no fixed size. Text and ticks are placed at percentages of the drawing and so keep
their size on a phone and on a wide screen; curves are in an inner ``<svg>`` that is
stretched. Colours and widths come from the page's style sheet, by class.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from steadypose.realtime.datatypes import FloatArray
from steadypose.realtime.report.scales import Scale
from steadypose.realtime.report.words import escape

MOST_POINTS = 2000  # of a curve; a screen has no more columns
_DENSE = 4 * MOST_POINTS  # longer curves fill areas, so they are drawn thin and translucent
_WIDE, _HIGH = 4000, 2000  # units of the inner drawing


@dataclass(frozen=True, slots=True, eq=False)
class Line:
    """A curve, interrupted where ``y`` is NaN.

    Attributes:
        x: (T,) values on the x axis.
        y: (T,) values on the y axis.
        style: Classes of the style sheet, such as ``left raw``.
        title: Shown when the pointer rests on it.
        is_path: A path in the plane, not a function of x.
        opacity: 0 to 1.
    """

    x: FloatArray
    y: FloatArray
    style: str
    title: str
    is_path: bool = False
    opacity: float = 1.0


def decimate(y: FloatArray, most: int = MOST_POINTS) -> NDArray[np.intp]:
    """Select samples to draw so that the curve looks the same.

    The samples are cut into equal buckets; of each the least, the greatest and the
    first NaN are kept, so neither a peak nor a break is lost.

    Args:
        y: (T,) values, NaN where there is none.
        most: Samples to keep, 3 or more.

    Returns:
        Increasing indices into ``y``, at most ``most``.
    """
    count = len(y)
    if count <= most:
        return np.arange(count)
    buckets = max(1, most // 3)
    width = -(-count // buckets)
    padded = np.full(buckets * width, np.nan)
    padded[:count] = y
    table = padded.reshape(buckets, width)
    is_gap = np.isnan(table)
    start = np.arange(buckets) * width
    kept = np.concatenate(
        (
            (start + np.where(is_gap, np.inf, table).argmin(axis=1))[~is_gap.all(axis=1)],
            (start + np.where(is_gap, -np.inf, table).argmax(axis=1))[~is_gap.all(axis=1)],
            (start + is_gap.argmax(axis=1))[is_gap.any(axis=1)],
        )
    )
    return np.unique(kept[kept < count])


def path_data(line: Line, x: Scale, y: Scale, most: int = MOST_POINTS) -> str:
    """The ``d`` of a path in units of the inner drawing; empty if nothing is finite."""
    kept = decimate(line.y, most)
    if line.is_path and len(line.y) > most:
        kept = np.union1d(decimate(line.y, most // 2), decimate(line.x, most // 2))
    across = x.share(line.x[kept]) * _WIDE
    down = (1.0 - y.share(line.y[kept])) * _HIGH
    is_drawn = np.isfinite(across) & np.isfinite(down)
    edges = np.flatnonzero(np.diff(np.concatenate(([False], is_drawn, [False]))))
    # Points far outside are clipped: they only need to be outside.
    points = np.column_stack((across, down)).clip(-_WIDE, 2 * _WIDE)
    parts = []
    for begin, end in zip(edges[::2], edges[1::2], strict=True):
        whole = np.rint(points[begin:end]).astype(int)
        steps = np.diff(whole, axis=0)
        if not line.is_path:  # one column of the drawing needs no second equal point
            steps = steps[(steps != 0).any(axis=1)]
        numbers = " ".join(map(str, steps.ravel().tolist())) or "0 0"
        parts.append(f"M{whole[0, 0]} {whole[0, 1]}l" + numbers.replace(" -", "-"))
    return "".join(parts)


def line_chart(
    lines: Sequence[Line],
    x: Scale,
    y: Scale,
    *,
    label: str,
    right: Scale | None = None,
    size: str = "height:170px",
    has_x_labels: bool = True,
    most: int = MOST_POINTS,
) -> str:
    """Curves over two axes.

    Args:
        lines: Drawn in this order and clipped to the axes.
        x: Horizontal axis.
        y: Vertical axis, ``low`` at the bottom.
        label: Text alternative for those who cannot see the chart.
        right: A second labelling of the vertical axis.
        size: CSS that gives the drawing its height.
        has_x_labels: Whether the horizontal axis is labelled.
        most: Points to draw of each curve.
    """
    curves = []
    for line in lines:
        data = path_data(line, x, y, most)
        if data:
            fade = f' opacity="{line.opacity:.2f}"' if line.opacity < 1 else ""
            title = f"<title>{escape(line.title)}</title>"
            style = escape(line.style) + (" dense" if len(line.y) > _DENSE else "")
            curves.append(f'<path class="{style}"{fade} d="{data}">{title}</path>')
    inner = (
        f'<svg width="100%" height="100%" viewBox="0 0 {_WIDE} {_HIGH}" '
        f'preserveAspectRatio="none">{"".join(curves)}</svg>'
    )
    axes = x_axis(x, has_labels=has_x_labels) + _y_axis(y)
    if right is not None:
        axes += _y_axis(right, is_right=True)
    return drawing(axes + inner, label=label, size=size, has_right=right is not None)


def drawing(content: str, *, label: str, size: str, has_right: bool = False) -> str:
    """The box around a chart; its 100 % are the area between the axes."""
    kind = "plot with-right" if has_right else "plot"
    return (
        f'<div class="{kind}"><svg xmlns="http://www.w3.org/2000/svg" role="img" '
        f'aria-label="{escape(label)}" width="100%" style="{size}">{content}</svg></div>'
    )


def x_axis(scale: Scale, *, has_labels: bool = True) -> str:
    """Vertical grid lines and their labels; every other label is left out on a phone."""
    parts = []
    for number, (value, text) in enumerate(scale.ticks):
        at = f"{100 * float(scale.share(value)):.2f}%"
        parts.append(f'<line class="grid" x1="{at}" x2="{at}" y1="0" y2="100%"/>')
        if has_labels:
            kind = "tick mid alt" if number % 2 else "tick mid"
            parts.append(f'<text class="{kind}" x="{at}" y="100%" dy="17">{escape(text)}</text>')
    return "".join(parts)


def _y_axis(scale: Scale, *, is_right: bool = False) -> str:
    x, dx, kind = ("100%", 8, "tick") if is_right else ("0", -8, "tick end")
    parts = [
        f'<text class="unit{" end" if is_right else ""}" x="{x}" y="-7">{escape(scale.unit)}</text>'
    ]
    for value, text in scale.ticks:
        at = f"{100 * (1 - float(scale.share(value))):.2f}%"
        if not is_right:
            parts.append(f'<line class="grid" x1="0" x2="100%" y1="{at}" y2="{at}"/>')
        place = f'x="{x}" y="{at}" dx="{dx}" dy="4"'
        parts.append(f'<text class="{kind}" {place}>{escape(text)}</text>')
    return "".join(parts)
