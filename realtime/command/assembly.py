"""Put the parts of a run together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from steadypose.engines.base import Engine
from steadypose.engines.foreign.claims import Claim
from steadypose.realtime.app.display import Display
from steadypose.realtime.app.loop import App
from steadypose.realtime.command.console import progress_printer
from steadypose.realtime.command.run_info import describe_engine, describe_run
from steadypose.realtime.command.settings import Settings
from steadypose.realtime.record.formats.tables import TableFormat
from steadypose.realtime.record.live.sender import Live
from steadypose.realtime.record.outputs import Outputs
from steadypose.realtime.smooth.live_angles import LiveAngles
from steadypose.realtime.smooth.presets import make_smoother
from steadypose.realtime.sources.base import Source
from steadypose.realtime.tracking.pipeline import Pipeline
from steadypose.realtime.tracking.roster import CANDIDATES


def assemble(
    settings: Settings,
    *,
    engine: Engine,
    source: Source,
    display: Display,
    live: Live,
    typed: Sequence[str],
    second_pass: Callable[[Path, TableFormat, Claim | None], None],
    say: Callable[[str], None],
) -> App:
    """A run, ready to begin; what is opened is closed by who opened it.

    Args:
        settings: Of the run.
        engine: Opened.
        source: Likewise.
        display: Likewise.
        live: Likewise.
        typed: The command line, for the description of the recording.
        second_pass: Gives a finished table its second pass, if that is asked for.
        say: Called with a sentence when something happens.
    """
    pipeline, outputs, angles = parts_of(
        settings, engine, source, typed=typed, second_pass=second_pass, say=say
    )
    outputs.live = live
    known = [n for n in (source.frame_count, settings.max_frames) if n is not None]
    is_alone = not settings.further and not source.is_live
    return App(
        source,
        pipeline,
        display,
        outputs,
        is_smooth=settings.is_smoothing,
        # Only what a camera sees has a "now" that can be foreseen.
        is_predicting=settings.is_predicting and source.is_live,
        is_mirrored=settings.is_mirrored,
        is_picture_hidden=settings.is_picture_hidden,
        angles=angles,
        max_frames=settings.max_frames,
        progress=progress_printer(min(known, default=None)) if is_alone else None,
        page=live.page,
        say=say,
    )


def parts_of(
    settings: Settings,
    engine: Engine,
    source: Source,
    *,
    typed: Sequence[str],
    second_pass: Callable[[Path, TableFormat, Claim | None], None],
    say: Callable[[str], None],
) -> tuple[Pipeline, Outputs, LiveAngles | None]:
    """What finds people, what records them, and what measures their joints; see ``assemble``."""
    slots = settings.persons + CANDIDATES
    smoother = make_smoother(settings.smoother, slots, len(engine.spec.skeleton))
    smoothing = {
        **(smoother.describe() if settings.is_smoothing else {"name": settings.smoother}),
        "second_pass": settings.is_offline_smoothed,
    }
    outputs = Outputs(
        engine.spec.skeleton,
        source.fps,
        source.is_live,
        tables=settings.tables,
        video=settings.video,
        split=settings.split,
        run_info=describe_run(settings, engine, source, smoothing=smoothing, typed=typed),
        engine_info=partial(describe_engine, engine),
        second_pass=second_pass if settings.is_offline_smoothed else None,
        dropped=lambda: source.dropped,
    )
    pipeline = Pipeline(
        engine,
        persons=settings.persons,
        smoother=smoother,
        is_paced=source.is_paced,
        say=say,
        region=settings.region,
    )
    angles = LiveAngles(engine.spec.skeleton.keypoints) if settings.has_angles else None
    return pipeline, outputs, angles
