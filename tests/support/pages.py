"""Outline a report page: positions and extents of its curves and bars."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from steadypose.realtime.datatypes import FloatArray
from tests.support.pictures import REFERENCES, is_redrawing

_SVG = "{http://www.w3.org/2000/svg}"
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
_UNITS = np.array([40.0, 20.0])  # of the inner drawing, for a hundredth of its size


def parsed(html: str) -> ET.Element:
    """Parse a page or a part of one; pages are valid XML."""
    return ET.fromstring(html.removeprefix("<!DOCTYPE html>\n"))  # noqa: S314 - our own text


def strokes(data: str) -> list[FloatArray]:
    """Split a path into its pieces, each (N, 2): per cent from the left and from the top."""
    found = []
    for piece in data.split("M")[1:]:
        numbers = np.array(_NUMBER.findall(piece), np.float64).reshape(-1, 2)
        found.append(numbers.cumsum(axis=0) / _UNITS)
    return found


def outline(root: ET.Element) -> list[str]:
    """Describe every heading, axis, curve, bar and table row in a line, in order."""
    lines: list[str] = []
    for element in root.iter():
        lines += _lines(element, element.tag.rpartition("}")[2])
    return lines


def _lines(element: ET.Element, tag: str) -> Iterator[str]:
    kind = element.get("class", "")
    if tag in {"h1", "h2", "h3", "h4", "tr", "li", "p", "dd"}:
        text = " | ".join(filter(None, map(str.strip, element.itertext())))
        if tag != "dd" or "/" not in text:  # a folder of this machine
            yield f"{tag} {kind}: {text}"
    elif tag == "div" and kind.startswith("plot"):
        yield from _axes(element)
    elif tag == "path":
        fade = f" opacity {element.get('opacity')}" if element.get("opacity") else ""
        yield f"  curve {kind}{fade}: {_extent(strokes(element.get('d', '')))}"
    elif tag == "rect":
        at = " ".join(element.get(name, "") for name in ("x", "y", "width", "height"))
        yield f"  bar {kind}: {at}"


def _axes(plot: ET.Element) -> Iterator[str]:
    svg = plot.find(f"{_SVG}svg")
    assert svg is not None
    yield f" {plot.get('class')}: {svg.get('style')}, {len(list(svg.findall(f'{_SVG}line')))} lines"
    for text in svg.iter(f"{_SVG}text"):
        at = " ".join(text.get(name, "-") for name in ("x", "y", "dx", "dy"))
        yield f"  text {text.get('class')}: {text.text or ''} at {at}"


def _extent(pieces: Sequence[FloatArray]) -> str:
    points = np.concatenate(pieces)
    (left, top), (right, bottom) = points.min(axis=0), points.max(axis=0)
    ink = sum(float(np.hypot(*np.diff(piece, axis=0).T).sum()) for piece in pieces)
    return (
        f"{len(pieces)} pieces, x {left:.1f} to {right:.1f}, y {top:.1f} to {bottom:.1f}, "
        f"ink {ink:.0f}"
    )


def assert_outlined_like(seen: Sequence[str], name: str) -> None:
    """Compare with a committed outline: words exactly, numbers approximately."""
    path: Path = REFERENCES / f"{name}.txt"
    if is_redrawing():
        path.write_text("\n".join(seen) + "\n", encoding="utf-8")
        pytest.skip(f"wrote {path}")
    known = path.read_text(encoding="utf-8").splitlines()
    for ours, theirs in zip(seen, known, strict=False):
        assert _NUMBER.sub("#", ours) == _NUMBER.sub("#", theirs), (ours, theirs)
        found, wanted = (np.array(_NUMBER.findall(line), np.float64) for line in (ours, theirs))
        np.testing.assert_allclose(
            found, wanted, rtol=0.02, atol=0.11, err_msg=f"{ours} / {theirs}"
        )
    assert len(seen) == len(known)
