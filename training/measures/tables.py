"""The tables of a report about accuracy, as Markdown lines."""

from __future__ import annotations

import numpy as np

from training.measures.measure import Found
from training.measures.metrics import (
    limb_joints,
    pck,
    pck_per_keypoint,
    relative_error,
    reliability,
)
from training.measures.results import table


def summary(found: Found) -> list[str]:
    """PCK over all limb keypoints, and PCKh if heads are known."""
    lines = [
        f"PCK@0.2 {found.pck(0.2):.4f}   PCK@0.5 {found.pck(0.5):.4f}   "
        f"({int(np.isfinite(found.reference_px).sum())} people, limb keypoints)"
    ]
    hidden = found.is_counted & found.is_hidden
    if hidden.any():
        chosen = limb_joints(found.skeleton)
        shares = [
            pck(found.error[:, chosen], part[:, chosen], 0.2)
            for part in (found.is_counted & ~hidden, hidden)
        ]
        lines.append(f"PCK@0.2 of visible keypoints {shares[0]:.4f}, of hidden {shares[1]:.4f}")
    if np.isfinite(found.head_px).any():
        error = relative_error(found.xy, found.truth, found.head_px)
        counts = found.is_counted & np.isfinite(found.head_px)[:, None]
        # MPII's own evaluation leaves these two out.
        trunk = [k for k, n in enumerate(found.skeleton.keypoints) if n in {"pelvis", "thorax"}]
        counts[:, trunk] = False
        shares = [float((error[counts] <= t).mean()) for t in (0.5, 0.1)]
        lines.append(f"PCKh@0.5 {shares[0]:.4f}   PCKh@0.1 {shares[1]:.4f}")
    return lines


def keypoint_table(found: Found) -> list[str]:
    """A Markdown table with one row per keypoint."""
    fifth, half = (pck_per_keypoint(found.error, found.is_counted, t) for t in (0.2, 0.5))
    rows = []
    for k, name in enumerate(found.skeleton.keypoints):
        count = int(found.is_counted[:, k].sum())
        if count:
            score = float(found.score[found.is_counted[:, k], k].mean())
            rows.append((name, f"{count}", f"{fifth[k]:.3f}", f"{half[k]:.3f}", f"{score:.2f}"))
    return table(("keypoint", "labels", "PCK@0.2", "PCK@0.5", "mean score"), rows).split("\n")


def reliability_table(found: Found) -> list[str]:
    """A Markdown table: share of right keypoints by score."""
    curve = reliability(found.score, found.error, found.is_counted)
    lines = [
        f"scores: mean gap to PCK@0.2 {curve.gap:.3f}; a right keypoint scores above a wrong "
        f"one with probability {curve.order:.3f}",
        "",
        "| mean score | PCK@0.2 | keypoints |",
        "|---:|---:|---:|",
    ]
    rows = zip(curve.score, curve.right, curve.count, strict=True)
    return lines + [f"| {s:.2f} | {r:.3f} | {n} |" for s, r, n in rows]
