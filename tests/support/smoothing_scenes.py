"""Motions with known truth, and measures of a filter on them: jitter, lag, overshoot.

Each keypoint of the one person is a separate trial: all have the same motion, each with its own
noise, so a figure is a mean over hundreds of trials and hardly depends on the seed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from steadypose.realtime.datatypes import State
from steadypose.realtime.smooth.base import Smoother

Floats = NDArray[np.float64]
FPS = 30.0
SIZE_PX = 300.0
NOISE_PX = 4.0  # of every measurement and axis
TRIALS = 200


@dataclass(frozen=True, slots=True, eq=False)
class Followed:
    """A filter's result for a motion.

    Attributes:
        time_s: (T,) capture times.
        truth: (T, 2) true positions.
        raw: (T, TRIALS, 2) measurements.
        found: (T, TRIALS, 2) filtered, NaN where lost.
        drawn: (T, TRIALS, 2) positions drawn for ``ahead_s`` later.
        state: (T, TRIALS) values of ``State``.
    """

    time_s: Floats
    truth: Floats
    raw: Floats
    found: Floats
    drawn: Floats
    state: NDArray[np.int8]

    def jitter_left(self, begin_s: float, end_s: float) -> float:
        """Remaining share of the measurements' motion from frame to frame."""
        rows = self.rows(begin_s, end_s)
        before, after = (
            np.linalg.norm(np.diff(xy[rows] - self.truth[rows, None], axis=0), axis=2).mean()
            for xy in (self.raw, self.found)
        )
        return float(after / before)

    def behind_px(self, begin_s: float, end_s: float) -> float:
        """Distance of the mean of all trials from the truth, mean over a period."""
        rows = self.rows(begin_s, end_s)
        away = self.found[rows].mean(axis=1) - self.truth[rows]
        return float(np.linalg.norm(away, axis=1).mean())

    def error_px(self, begin_s: float, end_s: float) -> float:
        """Mean distance from the truth."""
        rows = self.rows(begin_s, end_s)
        return float(np.linalg.norm(self.found[rows] - self.truth[rows, None], axis=2).mean())

    def rows(self, begin_s: float, end_s: float) -> slice:
        """Frames of a period."""
        begin, end = np.searchsorted(self.time_s, (begin_s - 1e-9, end_s - 1e-9))
        return slice(int(begin), int(end))


def follow(
    smoother: Smoother,
    truth: Floats,
    *,
    noise_px: float = NOISE_PX,
    fps: float = FPS,
    score: float = 0.9,
    unseen: NDArray[np.bool_] | None = None,
    ahead_s: float = 0.06,
    seed: int = 0,
) -> Followed:
    """Run a filter of one person and ``TRIALS`` keypoints on a (T, 2) motion.

    Args:
        smoother: A new smoother.
        truth: Positions, pixels.
        noise_px: Standard deviation of the measurements, per axis.
        fps: Frames a second.
        score: Of every measurement.
        unseen: (T,) frames without measurements.
        ahead_s: How much later the frame is displayed.
        seed: Seed of the noise.
    """
    rng = np.random.default_rng(seed)
    time_s = np.arange(len(truth)) / fps
    raw = truth[:, None] + rng.normal(0.0, noise_px, (len(truth), TRIALS, 2))
    hidden = np.zeros(len(truth), np.bool_) if unseen is None else unseen
    found, drawn, states = [], [], []
    for at_s, xy, is_hidden in zip(time_s, raw, hidden, strict=True):
        smoother.predict(float(at_s))
        scores = np.full((1, TRIALS), 0.0 if is_hidden else score)
        smoother.update(np.where(is_hidden, np.nan, xy)[None], scores, np.array([SIZE_PX]))
        states.append(smoother.state[0].copy())
        found.append(np.where((smoother.state[0] == State.LOST)[:, None], np.nan, smoother.xy[0]))
        drawn.append(smoother.ahead(float(at_s) + ahead_s)[0].copy())
    return Followed(time_s, truth, raw, np.stack(found), np.stack(drawn), np.stack(states))


def rest(duration_s: float = 4.0) -> Floats:
    """(T, 2) nothing moves."""
    return np.full((round(duration_s * FPS), 2), 200.0)


def walk(
    speed: float, *, rests_s: float = 2.0, walks_s: float = 2.0, stands_s: float = 1.0
) -> Floats:
    """(T, 2) a straight line at ``speed`` person sizes a second, starting and stopping abruptly."""
    time_s = np.arange(round((rests_s + walks_s + stands_s) * FPS)) / FPS
    way = speed * SIZE_PX * np.clip(time_s - rests_s, 0.0, walks_s)
    return np.stack((200.0 + 0.8 * way, 200.0 + 0.6 * way), axis=1)


def swing(hz: float, *, reach: float = 0.25, duration_s: float = 5.0) -> Floats:
    """(T, 2) oscillation, ``reach`` person sizes to either side."""
    time_s = np.arange(round(duration_s * FPS)) / FPS
    way = reach * SIZE_PX * np.sin(2.0 * np.pi * hz * time_s)
    return np.stack((200.0 + way, 200.0 - 0.5 * way), axis=1)
