"""Draw poses and the head-up display onto an image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from steadypose.engines.skeletons.sides import side_of
from steadypose.engines.skeletons.skeleton import Skeleton
from steadypose.realtime.app.keys import KEYS
from steadypose.realtime.datatypes import FloatArray, Pose, State
from steadypose.realtime.smooth.angles import NAMES, TRUNK

Colour = tuple[int, int, int]

# BGR; blue and orange stay apart for colour-blind eyes (Okabe and Ito 2008).
LEFT: Colour = (233, 180, 86)
RIGHT: Colour = (0, 159, 230)
CENTER: Colour = (235, 235, 235)
_INK: Colour = (255, 255, 255)
_SHADE: Colour = (25, 25, 25)
_ALERT: Colour = (60, 60, 235)
_HARDLY_KNOWN_DEG = 30.0
_MOST_DEG = 1000.0
_MANY = 40  # keypoints: those of faces and fingers lie close together


@dataclass(frozen=True, slots=True)
class Style:
    """Drawing sizes, which scale with the image.

    Attributes:
        line: Limb thickness, pixels.
        dot: Keypoint radius, pixels.
        text: OpenCV font scale.
        margin: Pixels around text.
    """

    line: int
    dot: int
    text: float
    margin: int

    @classmethod
    def for_size(cls, size_hw: tuple[int, int], keypoints: int = 17) -> Style:
        """Sizes for an image of this height and width; many keypoints are drawn finely."""
        short = min(size_hw)
        fine = 1.0 if keypoints <= _MANY else 0.5
        return cls(
            line=max(1, round(fine * short / 180)),
            dot=max(1 if keypoints > _MANY else 2, round(fine * short / 130)),
            text=max(0.35, short / 900),
            margin=max(4, round(short / 70)),
        )


def mirrored(image_bgr: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Mirror an image left to right; returns a new array."""
    return cv2.flip(image_bgr, 1)


def draw_poses(
    image_bgr: NDArray[np.uint8], poses: Sequence[Pose], *, is_mirrored: bool = False
) -> None:
    """Draw skeletons: left blue, right orange, bright if the score is high, thin if predicted.

    Measured keypoints are filled dots whose brightness is the score; predicted ones
    are hollow rings on thin limbs. Lost ones are not drawn.

    Args:
        image_bgr: (H, W, 3) uint8, modified. Already mirrored if ``is_mirrored``.
        poses: In pixels of the camera's frame, not mirrored.
        is_mirrored: Mirrors positions only: left stays the person's left.
    """
    for pose in poses:
        style = Style.for_size((image_bgr.shape[0], image_bgr.shape[1]), len(pose.skeleton))
        xy = pose.xy
        if is_mirrored:
            xy = np.stack((image_bgr.shape[1] - 1 - xy[:, 0], xy[:, 1]), axis=1)
        _draw_pose(image_bgr, xy, pose, style)


def draw_angles(
    image_bgr: NDArray[np.uint8],
    poses: Sequence[Pose],
    angles: Sequence[FloatArray],
    *,
    is_mirrored: bool = False,
) -> None:
    """Write joint angles, degrees, beside their joints; those that are hardly known are left out.

    Args:
        image_bgr: (H, W, 3) uint8, modified.
        poses: As for ``draw_poses``.
        angles: (J, 2) of each, as ``LiveAngles`` measures them; none are written if it is empty.
        is_mirrored: As for ``draw_poses``.
    """
    style = Style.for_size((image_bgr.shape[0], image_bgr.shape[1]))
    for pose, found in zip(poses, angles, strict=False):
        for name, (degrees, deviation) in zip(NAMES, found.tolist(), strict=True):
            if not abs(degrees) < _MOST_DEG or deviation > _HARDLY_KNOWN_DEG:
                continue
            at = [pose.skeleton.keypoints.index(n) for n in (TRUNK if name == "trunk" else (name,))]
            x, y = pose.xy[at].mean(axis=0).tolist()
            if is_mirrored:
                x = image_bgr.shape[1] - 1 - x
            if 0 <= x < image_bgr.shape[1] and 0 <= y < image_bgr.shape[0]:
                corner = (round(x) + style.margin, round(y) - style.margin)
                _text_block(image_bgr, (f"{degrees:.0f}",), corner, style)


def draw_hud(
    image_bgr: NDArray[np.uint8],
    lines: Sequence[str],
    *,
    alert: str | None = None,
    message: str | None = None,
    is_recording: bool = False,
    has_help: bool = False,
) -> None:
    """Write text into the corners.

    Args:
        image_bgr: (H, W, 3) uint8, modified.
        lines: Figures, upper left.
        alert: A problem, shown in red across the middle.
        message: The response to a key, below the middle.
        is_recording: Adds the red dot, upper right.
        has_help: Lists the keys.
    """
    style = Style.for_size((image_bgr.shape[0], image_bgr.shape[1]))
    _text_block(image_bgr, lines, (style.margin, style.margin), style)
    if is_recording:
        radius = round(style.margin * 0.7)
        center = (image_bgr.shape[1] - 2 * style.margin, 2 * style.margin)
        cv2.circle(image_bgr, center, radius, _ALERT, -1, cv2.LINE_AA)
    if has_help:
        height = len(KEYS) * _line_height(style)
        y = image_bgr.shape[0] - height - 2 * style.margin
        width = _text_block(image_bgr, tuple(key.label for key in KEYS), (style.margin, y), style)
        texts = tuple(key.text for key in KEYS)
        _text_block(image_bgr, texts, (style.margin + width, y), style)
    if message:
        _text_block(image_bgr, (message,), _centered(image_bgr, message, style), style)
    if alert:
        _banner(image_bgr, alert, style)


def _draw_pose(image: NDArray[np.uint8], xy: NDArray[np.float64], pose: Pose, style: Style) -> None:
    # Coordinates are clipped so that a wild prediction cannot overflow OpenCV's integers.
    limit = 4.0 * max(image.shape)
    points = [
        (round(x), round(y)) if -limit < x < limit and -limit < y < limit else None
        for x, y in xy.tolist()
    ]
    sure = (pose.state == State.MEASURED).tolist()
    score = pose.score.tolist()
    limb_colours, dot_colours = _colours(pose.skeleton)
    for (a, b), colour in zip(pose.skeleton.limbs, limb_colours, strict=True):
        start, end = points[a], points[b]
        if start is None or end is None:
            continue
        if sure[a] and sure[b]:
            shade = _dim(colour, min(score[a], score[b]))
            cv2.line(image, start, end, shade, style.line, cv2.LINE_AA)
        else:
            cv2.line(image, start, end, _dim(colour, 0.25), 1, cv2.LINE_AA)
    for k, point in enumerate(points):
        if point is None:
            continue
        if sure[k]:
            cv2.circle(image, point, style.dot + 1, _SHADE, -1)
            cv2.circle(image, point, style.dot, _dim(dot_colours[k], score[k]), -1, cv2.LINE_AA)
        else:
            cv2.circle(image, point, style.dot, _dim(dot_colours[k], 0.4), 1, cv2.LINE_AA)
    _draw_tag(image, points, pose, style)


def _draw_tag(
    image: NDArray[np.uint8], points: list[tuple[int, int] | None], pose: Pose, style: Style
) -> None:
    """Person id and score above the highest keypoint."""
    seen = [point for point in points if point is not None]
    if not seen:
        return
    x, y = min(seen, key=lambda point: point[1])
    score = pose.person_score
    text = f"{pose.track_id}  {score:.0%}" if score > 0 else f"{pose.track_id}  hidden"
    corner = (x - style.margin, max(0, y - _line_height(style) - 3 * style.margin))
    _text_block(image, (text,), corner, style)


@lru_cache(maxsize=8)
def _colours(skeleton: Skeleton) -> tuple[list[Colour], list[Colour]]:
    """Colours of a skeleton's limbs and keypoints."""

    def of(*keypoints: int) -> Colour:
        sides = {side_of(skeleton.keypoints[k]) for k in keypoints}
        if sides == {"left"}:
            return LEFT
        return RIGHT if sides == {"right"} else CENTER

    return [of(a, b) for a, b in skeleton.limbs], [of(k) for k in range(len(skeleton))]


def _dim(colour: Colour, score: float) -> Colour:
    """Full colour from score 0.7, down to half at 0."""
    share = 0.5 + 0.5 * min(1.0, max(0.0, float(score)) / 0.7)
    b, g, r = (round(channel * share) for channel in colour)
    return b, g, r


def _line_height(style: Style) -> int:
    return round(34 * style.text)


def _text_block(
    image: NDArray[np.uint8], lines: Sequence[str], corner: tuple[int, int], style: Style
) -> int:
    """Light text on a darkened box, moved so that all of it is in the image; returns its width."""
    if not lines:
        return 0
    font, thickness = cv2.FONT_HERSHEY_SIMPLEX, max(1, round(style.text * 1.6))
    step = _line_height(style)
    widest = max(cv2.getTextSize(line, font, style.text, thickness)[0][0] for line in lines)
    width, height = widest + 2 * style.margin, step * len(lines) + style.margin
    x1 = max(0, min(corner[0], image.shape[1] - width))
    y1 = max(0, min(corner[1], image.shape[0] - height))
    box = image[y1 : y1 + height, x1 : x1 + width]
    cv2.convertScaleAbs(box, dst=box, alpha=0.4)
    for row, line in enumerate(lines):
        at = (x1 + style.margin, y1 + round(step * (row + 0.85)))
        cv2.putText(image, line, at, font, style.text, _INK, thickness, cv2.LINE_AA)
    return box.shape[1]


def _centered(image: NDArray[np.uint8], text: str, style: Style) -> tuple[int, int]:
    """Corner of a text block in the lower middle."""
    width = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, style.text, 1)[0][0]
    return (image.shape[1] - width) // 2 - style.margin, round(image.shape[0] * 0.85)


def _banner(image: NDArray[np.uint8], text: str, style: Style) -> None:
    font, thickness = cv2.FONT_HERSHEY_SIMPLEX, max(1, round(style.text * 2))
    (width, height), _ = cv2.getTextSize(text, font, style.text * 1.2, thickness)
    middle = image.shape[0] // 2
    y1, y2 = max(0, middle - height - style.margin), middle + height + style.margin
    cv2.rectangle(image, (0, y1), (image.shape[1], y2), _ALERT, -1)
    x = max(0, (image.shape[1] - width) // 2)
    at = (x, middle + height // 2)
    cv2.putText(image, text, at, font, style.text * 1.2, _INK, thickness, cv2.LINE_AA)
