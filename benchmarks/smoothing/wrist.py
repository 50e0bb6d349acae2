"""Draw one wrist's path before and after the filter: docs/wrist.png.

    python -m benchmarks.smoothing.wrist [--source CLIP]

The default network's own keypoints of the built-in demo, or of any clip.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmarks.common import frames_of, guarded, open_network, parser
from steadypose.realtime.datatypes import SEEN_SCORE
from steadypose.realtime.model.places import ROOT
from steadypose.realtime.smooth.second_pass import smooth_again
from steadypose.realtime.tracking.pipeline import Pipeline


def main() -> None:
    """Track one person and draw."""
    options = parser(__doc__.splitlines()[0] if __doc__ else None)
    options.add_argument("--source", default="demo")
    options.add_argument("--keypoint", default="right_wrist")
    options.set_defaults(output=ROOT / "docs" / "wrist.png")
    arguments = options.parse_args()
    engine = open_network(threads=1)
    pipeline = Pipeline(engine)
    k = engine.spec.skeleton.index(arguments.keypoint)
    rows = []
    for frame in frames_of(arguments.source):
        if poses := pipeline.process(frame):
            pose, track = poses[0], pipeline.tracker.confirmed[0]
            rows.append((frame.time_s, pose.raw_xy[k], pose.score[k], pose.xy[k], track.size_px))
    engine.close()
    time_s, raw, score, xy, size = (np.array(column) for column in zip(*rows, strict=True))
    raw = np.where((score >= SEEN_SCORE)[:, None], raw, np.nan)
    again, _ = smooth_again(time_s, raw[:, None], score[:, None], size)
    _draw(arguments.output, arguments.keypoint, time_s, raw, xy, again[:, 0])
    print(f"{arguments.output}: {arguments.keypoint} in {len(rows)} frames of {arguments.source}")


def _draw(
    path: Path, name: str, time_s: np.ndarray, raw: np.ndarray, xy: np.ndarray, again: np.ndarray
) -> None:
    import matplotlib as mpl  # noqa: PLC0415 - needed here only

    mpl.use("Agg")
    import matplotlib.pyplot as plt  # noqa: PLC0415

    figure, (left, right) = plt.subplots(
        1, 2, figsize=(10, 4), dpi=110, width_ratios=(1, 2.2), layout="constrained"
    )
    for path_xy, style in (
        (raw, {"color": "0.65", "lw": 0.8, "label": "raw"}),
        (xy, {"color": "#d55e00", "lw": 1.8, "label": "balanced, as you see it"}),
        (again, {"color": "#0072b2", "lw": 1.2, "label": "second pass"}),
    ):
        left.plot(*path_xy.T, **style)
        right.plot(time_s, path_xy[:, 1], **style)
    left.invert_yaxis()
    left.set(aspect="equal", title=f"{name.replace('_', ' ')}: the path, px", adjustable="datalim")
    right.invert_yaxis()
    right.set(title="its height over time", xlabel="s", ylabel="y, px")
    right.legend(fontsize=8)
    figure.savefig(path)
    plt.close(figure)


if __name__ == "__main__":
    guarded(main)
