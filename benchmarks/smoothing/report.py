"""The smoothing benchmark's report: its tables and its figure."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.common import table
from benchmarks.smoothing import filters, prediction
from benchmarks.smoothing.clip import clip_figures, load_clip
from benchmarks.smoothing.entries import Entry
from benchmarks.smoothing.filters import Parameters
from benchmarks.smoothing.metrics import Quality, judge
from benchmarks.smoothing.prediction import AGE_S, prediction_errors
from benchmarks.smoothing.scene import Floats, Scene
from benchmarks.smoothing.uncertainty import PHASES, coverage
from steadypose.realtime.smooth.presets import make_smoother
from steadypose.realtime.smooth.second_pass import smooth_again

_HEAD = ("filter", "RMSE", "still", "slow", "moving", "fast", "at the stop", "covered", "jitter",
         "lag, ms", "slow lag, ms", "acceleration error", "outlier leak, %")  # fmt: skip
_BRIEF = ("filter", "error (RMSE)", "in slow movement", "jitter at rest", "lag, ms",
          "outlier leak, %")  # fmt: skip
_BLOCK = 40
_SECOND = "steadypose, second pass"


def report(
    entries: Sequence[Entry],
    known: dict[str, dict[str, float]],
    on: list[Scene],
    *,
    clip: Path | None,
    figure: Path | None,
) -> tuple[str, str]:
    """The whole report as Markdown: the main table, and the rest.

    Args:
        entries: What to compare.
        known: Parameters of each, by title.
        on: Simulated scenes.
        clip: CSV of real, measured keypoints; None: left out.
        figure: Figure to draw; None: none.
    """
    found = {e.title: judge(on, lambda s, e=e: e.run(s, known.get(e.title, {}))) for e in entries}  # type: ignore[misc]
    found[_SECOND] = judge(on, hindsight)
    if figure is not None:
        draw(entries, known, on, figure)
    brief = table(_BRIEF, [_brief_row(title, q) for title, q in found.items()])
    rest = (
        table(_HEAD, [_row(title, q) for title, q in found.items()]),
        _against(found),
        _ahead(on),
        _honest(on),
        _on_clip(entries, known, clip),
        _speed(),
    )
    return brief, "\n\n".join(rest)


def describe(on: list[Scene]) -> str:
    """Description of the scenes."""
    people = sum(scene.score.shape[1] for scene in on)
    return (
        f"{people} simulated people in {len(on)} scenes that nothing was tuned on, half of them "
        "seen to the hips only. Lengths in % of the standing height; jitter: motion from "
        "frame to frame at rest, per 1/30 s; slow: 0.04 to 0.3 heights a second; lag: by "
        "regression in fast motion; leak: how much of an outlier's jump comes through"
    )


def hindsight(scene: Scene) -> Floats:
    """The second pass over a scene, person by person."""
    return np.stack(
        [
            filters.hold(
                smooth_again(
                    scene.time_s, scene.measured[:, p], scene.score[:, p], scene.size_px[:, p]
                )[0]
            )
            for p in range(scene.score.shape[1])
        ],
        axis=1,
    )


def _brief_row(title: str, q: Quality) -> tuple[str, ...]:
    errors = f"{q.rmse:.2f}", f"{q.slow:.2f}"
    return title, *errors, f"{q.jitter:.3f}", f"{q.lag_ms:.0f}", f"{q.leak:.0f}"


def _row(title: str, q: Quality) -> tuple[str, ...]:
    lengths = (q.rmse, q.still, q.slow, q.moving, q.fast, q.stop, q.covered)
    return (
        title,
        *(f"{v:.2f}" for v in lengths),
        f"{q.jitter:.3f}",
        f"{q.lag_ms:.0f}",
        f"{q.slow_lag_ms:.0f}",
        f"{q.shake:.1f}",
        f"{q.leak:.0f}",
    )


def _against(found: dict[str, Quality]) -> str:
    """Our jitter and lag as a fraction of each competitor's."""
    ours = found["steadypose balanced"]
    names = [title for title in found if "steadypose" not in title and title != "raw"]
    rows = []
    for title in names:
        q = found[title]
        pairs = ((ours.jitter, q.jitter), (ours.rmse, q.rmse), (ours.slow, q.slow),
                 (ours.lag_ms, q.lag_ms), (ours.shake, q.shake), (ours.leak, q.leak))  # fmt: skip
        rows.append((title, *(f"{a / b:.2f}" if b > 0 else "-" for a, b in pairs)))
    second = found[_SECOND].rmse / ours.rmse
    head = ("balanced as a share of", "jitter", "RMSE", "slow", "lag", "acceleration error", "leak")
    return (
        "Below 1 ours is better.\n\n" + table(head, rows)
        + f"\n\nThe second pass has {second:.2f} of the RMSE of balanced."
    )  # fmt: skip


def _ahead(on: list[Scene]) -> str:
    """Error of the drawn poses against the truth at the moment of display."""
    rows = []
    for name in ("steady", "balanced", "responsive"):
        found = prediction_errors(on, lambda s, k, name=name: make_smoother(name, s, k))  # type: ignore[misc]
        shown = (f"{m[0]:.2f} / {m[1]:.2f} ({m[1] / m[0]:.3f})" for m in found.values())
        rows.append((name, *shown))
    return (
        f"What is drawn, {1e3 * AGE_S:.0f} ms after the picture was taken, against the truth at "
        "that moment: without prediction / with it (share).\n\n"
        + table(("preset", *prediction.PHASES), rows)
    )


def _honest(on: list[Scene]) -> str:
    """How often the truth lies inside the ellipse that the filter reports."""
    rows = []
    for name in ("steady", "balanced", "responsive"):
        found = coverage(on, lambda s, k, name=name: make_smoother(name, s, k))  # type: ignore[misc]
        rows.append((name, *(f"{100 * found[phase]:.0f}" for phase in PHASES)))
    return (
        "True positions inside the reported 90 % ellipse, %: of measured keypoints at rest, in "
        "slow, any and fast motion; of predicted ones.\n\n" + table(("preset", *PHASES), rows)
    )


def _on_clip(
    entries: Sequence[Entry], known: dict[str, dict[str, float]], file: Path | None
) -> str:
    if file is None:
        return "No --clip was given: real keypoints are left out."
    clip = load_clip(file)
    found = {e.title: e.run(clip, known.get(e.title, {})) for e in entries}
    found |= {_SECOND: hindsight(clip), "the zero-phase reference itself": clip.truth}
    names = ("distance", "jitter", "motion", "acceleration")
    rows = []
    for title, path in found.items():
        figures = clip_figures(clip, path)
        rows.append((title, *(f"{figures[name]:.2f}" for name in names)))
    head = ("filter", "mean distance to a zero-phase reference, px", "jitter at rest, px/frame²",
            "motion at rest, px/frame", "mean acceleration, px/frame²")  # fmt: skip
    return (
        f"Real keypoints: {file.name}, 640x360, 30 fps. At rest: where the reference moves slower "
        f"than 0.15 sizes a second; jitter is the change of that motion.\n\n{table(head, rows)}"
    )


def _speed() -> str:
    """Cost per frame relative to a fixed NumPy operation, in alternating blocks of frames."""
    a = np.ones((17, 2))
    costs: dict[str, list[float]] = {}

    def note(name: str, begin: float) -> None:
        costs.setdefault(name, []).append(1e6 * (time.perf_counter() - begin))

    smoothers = {f"{n}": make_smoother("balanced", n, 17) for n in (1, 10)}
    slow = make_smoother("filterpy", 1, 17)
    rng = np.random.default_rng(0)
    for first in range(0, 800, _BLOCK):
        for _ in range(_BLOCK):
            begin = time.perf_counter()
            for _ in range(50):
                a * a + a
            note("reference", begin)
        for name, smoother in (*smoothers.items(), ("filterpy", slow)):
            s = smoother.state.shape[0]
            xy = rng.normal(300, 3, (_BLOCK, s, 17, 2))
            score, size = rng.uniform(0.3, 1, (_BLOCK, s, 17)), np.full(s, 300.0)
            for n in range(_BLOCK):
                begin = time.perf_counter()
                smoother.predict((first + n) / 30)
                smoother.update(xy[n], score[n], size)
                note(name, begin)
    p50 = {name: float(np.percentile(v[50:], 50)) for name, v in costs.items()}
    p95 = {name: float(np.percentile(v[50:], 95)) for name, v in costs.items()}
    label = {"1": "balanced, 1 person", "10": "balanced, 10 persons",
             "filterpy": "filterpy's KalmanFilter (one mode), 1 person",
             "reference": "reference: 50 times a * a + a on (17, 2)"}  # fmt: skip
    rows = [
        (label[n], f"{p50[n]:.0f}", f"{p95[n]:.0f}", f"{p50[n] / p50['reference']:.2f}")
        for n in ("1", "10", "filterpy", "reference")
    ]
    return table(("µs a frame", "p50", "p95", "share of the reference"), rows)


def draw(
    entries: Sequence[Entry], known: dict[str, dict[str, float]], on: list[Scene], path: Path
) -> None:
    """Jitter against lag: a curve per filter, a dot at its tuned parameters."""
    import matplotlib as mpl  # noqa: PLC0415 - needed here only

    mpl.use("Agg")
    import matplotlib.pyplot as plt  # noqa: PLC0415

    figure, axes = plt.subplots(figsize=(8, 5), dpi=110)
    few = on[:2]
    for e in entries:
        if not e.strength:
            continue
        tuned = known[e.title]
        points = [_point(e, _stronger(e, tuned, factor), few) for factor in _FACTORS]
        is_ours = "steadypose" in e.title
        line = axes.plot(*np.array(points).T, lw=3 if is_ours else 1.3, zorder=3 if is_ours else 2,
                         label="steadypose" if is_ours else e.title,
                         color="black" if is_ours else None)[0]  # fmt: skip
        axes.plot(*_point(e, tuned, few), "o", color=line.get_color(), ms=8 if is_ours else 5,
                  zorder=4)  # fmt: skip
    axes.set(
        xlabel="lag in fast motion, ms",
        ylabel="jitter at rest, % of the person's height",
        yscale="log",
        xlim=(0, 70),
        title="Down: steadier, left: quicker; dots: as tuned (two of the scenes)",
    )
    ticks = (0.06, 0.1, 0.2, 0.3, 0.5)
    axes.set_yticks(ticks, [str(tick) for tick in ticks])
    axes.yaxis.set_minor_formatter("")
    axes.grid(visible=True, which="both", alpha=0.25)
    axes.legend(fontsize=8, loc="upper right", ncols=2)
    figure.tight_layout()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)
    plt.close(figure)


_FACTORS = np.geomspace(0.3, 3.3, 9)


def _stronger(entry: Entry, tuned: Parameters, factor: float) -> dict[str, float]:
    return {k: v * factor ** entry.strength.get(k, 0.0) for k, v in tuned.items()}


def _point(entry: Entry, p: Parameters, on: list[Scene]) -> tuple[float, float]:
    q = judge(on, lambda scene: entry.run(scene, p))
    return max(q.lag_ms, 0.0), q.jitter
