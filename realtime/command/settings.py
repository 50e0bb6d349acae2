"""Every setting of a run, with its default written once."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

from steadypose.engines.options import EngineOptions
from steadypose.realtime.model.places import DEFAULT_MODEL
from steadypose.realtime.model.skeletons import ChosenSkeleton
from steadypose.realtime.record.formats.tables import Table
from steadypose.realtime.record.live.opening import LiveOptions
from steadypose.realtime.record.parts import Limit
from steadypose.realtime.sources.opening import SourceOptions, is_camera
from steadypose.realtime.tracking.region import Region


@dataclass(frozen=True, slots=True)
class Settings:
    """What one run of the app does.

    Attributes:
        source: Where frames come from.
        further: Other sources that are followed at the same time.
        names: What all of them are called, ``source`` first.
        model: Model file.
        has_chosen_model: Somebody chose ``model``. Where nobody did, a network that is built
            for the GPU takes its place (``best_built``).
        skeleton: What its keypoints are called and how they connect, instead of what it says.
        backend: A name of ``steadypose.engines.registry.NAMES``.
        engine: How it is opened. 0 threads are the default; who cuts crops is measured (``auto``)
            only where all sources are live or paced: two runs on a file give one recording.
        is_auto_build: Build a TensorRT engine that is missing or stale before starting.
        persons: How many people to follow.
        smoother: A name of ``steadypose.realtime.smooth.presets.NAMES``.
        is_predicting: Draw people in the window where they will be when it is seen.
        is_offline_smoothed: Give the recording a second pass at the end.
        is_mirrored: Show the picture as a mirror does.
        is_picture_hidden: Show and record people without the picture.
        region: Where people are looked for; None: everywhere.
        is_headless: Open no window even where one could be.
        is_forced: Replace files that no run wrote.
        is_one_csv: Write one CSV for all sources.
        tables: Tables to write, in the order of ``TABLES``.
        split: Where recordings go on in another file.
        video: Annotated video to write.
        benchmark: JSON of figures to write.
        max_frames: Stop after this many.
        live: Where poses are sent as they happen.
        has_angles: Measure, show and record joint angles.
        config: File that options were read from.
    """

    source: SourceOptions = field(default_factory=lambda: SourceOptions("0"))
    further: tuple[SourceOptions, ...] = ()
    names: tuple[str, ...] = ("cam0",)
    model: Path = DEFAULT_MODEL
    has_chosen_model: bool = True
    skeleton: ChosenSkeleton | None = None
    backend: str = "auto"
    engine: EngineOptions = field(default_factory=lambda: EngineOptions(threads=0, crops="auto"))
    is_auto_build: bool = False
    persons: int = 1
    smoother: str = "balanced"
    is_predicting: bool = True
    is_offline_smoothed: bool = False
    is_mirrored: bool = False
    is_picture_hidden: bool = False
    region: Region | None = None
    is_headless: bool = False
    is_forced: bool = False
    is_one_csv: bool = False
    tables: tuple[Table, ...] = ()
    split: Limit | None = None
    video: Path | None = None
    benchmark: Path | None = None
    max_frames: int | None = None
    live: LiveOptions = field(default_factory=LiveOptions)
    has_angles: bool = False
    config: Path | None = None

    def engine_options(self, threads: int) -> EngineOptions:
        """How to open the engine, on some threads."""
        every = (self.source, *self.further)
        live = [is_camera(source) or source.is_paced for source in every]
        remote = replace(self.engine.remote, is_live=any(live))
        crops = "cpu" if self.engine.crops == "auto" and not all(live) else self.engine.crops
        return replace(self.engine, threads=threads, crops=crops, remote=remote)

    @property
    def is_smoothing(self) -> bool:
        """Whether filtered positions are shown and recorded."""
        return self.smoother != "off"

    @property
    def recordings(self) -> tuple[Path, ...]:
        """The recordings to write, the one that names the sidecar first."""
        tables = tuple(table.path for table in self.tables)
        return tables if self.video is None else (*tables, self.video)


DEFAULTS = Settings()
