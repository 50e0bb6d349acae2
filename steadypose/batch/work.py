"""One worker: an engine, and with it one clip after another."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import cv2

from steadypose.batch.mark import check_same_source, lacks, mark, marked
from steadypose.batch.order import Clip, Order
from steadypose.batch.outcome import DONE, FAILED, SKIPPED, Beat, Outcome
from steadypose.batch.run import Run
from steadypose.batch.store import Store, open_store
from steadypose.engines.errors import NobodyError, SourceError, SteadyposeError
from steadypose.engines.file_io import sha256_of
from steadypose.engines.foreign.claims import Claim
from steadypose.engines.foreign.files import check_regular
from steadypose.engines.registry import open_engine
from steadypose.realtime.command.assembly import parts_of
from steadypose.realtime.command.engine_opening import open_for
from steadypose.realtime.command.settings import Settings
from steadypose.realtime.model.best_built import Taken
from steadypose.realtime.model.recovering import RecoveringEngine, recovering
from steadypose.realtime.record.formats.tables import Table, TableFormat
from steadypose.realtime.report.__main__ import write_report
from steadypose.realtime.resmooth import resmooth
from steadypose.realtime.sources.opening import open_source
from steadypose.realtime.tracking.turns import take_short_turns


class Worker:
    """Works on clips, on the thread that made it.

    Args:
        order: What to do.
        beat: Told again and again what is done, so that it is known where a clip hangs.

    Raises:
        SteadyposeError: The engine or the target cannot be opened.
    """

    def __init__(self, order: Order, beat: Callable[[Beat], object] = lambda _: None) -> None:
        take_short_turns()
        cv2.setNumThreads(1)
        self._order, self._beat = order, beat
        self._notes: list[str] = []
        self._store: Store = open_store(order.out)
        settings = _unmeasured(order.settings, order.threads)
        taken = open_for(settings)
        self._engine_notes = list(taken.opened.passed_over)
        if settings.engine.precision == "auto" and " bf16" in taken.opened.engine.label:
            taken = _in_fp32(taken, settings)
        options = settings.engine_options(order.threads)
        chosen = settings.skeleton.skeleton if settings.skeleton else None
        self._engine = recovering(
            taken.opened, taken.model, options, say=self._engine_notes.append, skeleton=chosen
        )
        self._settings = replace(settings, model=taken.model)
        self.label = f"{self._engine.spec.name} on {self._engine.label}"
        self._model_sha256 = sha256_of(taken.model)

    def work(self, clip: Clip) -> Outcome:
        """Do what is still to be done for a clip; whatever fails is its outcome."""
        try:
            outcome = self._work(clip)
        except SteadyposeError as error:
            outcome = Outcome(clip, FAILED, what=error.what, fix=error.fix)
        except Exception as error:  # one clip must not end the others
            what = f"a fault of the program, {type(error).__name__}: {error}"
            outcome = Outcome(clip, FAILED, what=what, fix="report it, if you may with the clip")
        outcome = replace(
            outcome,
            notes=(*outcome.notes, *self._notes),
            engine_notes=tuple(self._engine_notes),
            is_last=isinstance(self._engine, RecoveringEngine) and self._engine.is_lost,
        )
        self._notes.clear()
        self._engine_notes.clear()
        return outcome

    def close(self) -> None:
        """Free the engine."""
        self._engine.close()

    def _work(self, clip: Clip) -> Outcome:
        order, store = self._order, self._store
        try:
            check_regular(clip.path)
            source_sha256 = sha256_of(clip.path)
        except OSError as error:
            what = f"cannot read {clip.path}: {error.strerror}"
            raise SourceError(what, fix="check the path and that you may read it") from error
        by = self._computes_on()
        hashes = {"source_sha256": source_sha256, "settings_sha256": self._fingerprint(by)}
        wanted = order.recordings(clip) + ([order.report(clip)] if order.has_report else [])
        with store.unfinished() as folder:
            said = marked(store.fetch(order.sidecar(clip), folder))
            if not order.settings.is_forced:
                check_same_source(said, clip, source_sha256)
            missing = lacks(said, wanted, store, **hashes)
            if not missing:
                return Outcome(clip, SKIPPED)
            if missing == [order.report(clip)]:
                self._add_report(clip, folder, said["files"], hashes)
                return Outcome(clip, DONE)
            return self._follow(clip, folder, hashes, by)

    def _computes_on(self) -> str:
        """Backend and precision, as they are now: a GPU may be lost."""
        return self._engine.label.partition(", ")[0]

    def _fingerprint(self, engine: str) -> str:
        return self._order.fingerprint(self._model_sha256, engine)

    def _follow(self, clip: Clip, folder: Path, hashes: dict[str, str], by: str) -> Outcome:
        """Make everything; what a damaged clip gave is kept, without a mark."""
        order = self._order
        tables = tuple(
            Table(form, folder / Path(name).name)
            for form, name in zip(order.formats, order.recordings(clip), strict=False)
        )
        video = folder / Path(order.recordings(clip)[-1]).name if order.has_video else None
        source = replace(self._settings.source, text=str(clip.path))
        settings = replace(self._settings, source=source, tables=tables, video=video)
        self._beat(Beat.READS)
        run = self._open(settings)
        problem: BaseException | None = None
        steps = (run.follow, partial(self._beat, Beat.WORKS), run.outputs.close, run.source.close)
        for step in steps:
            try:
                step()
            except BaseException as error:
                problem = problem or error
        if (now := self._computes_on()) != by:  # of two engines: to be made again, by one
            hashes = {**hashes, "settings_sha256": self._fingerprint(f"{by}, then {now}")}
        if problem is not None and not isinstance(problem, SteadyposeError):
            raise problem
        files = {name: self._size(folder, name) for name in order.recordings(clip)}
        if problem is None and order.has_report:
            files[order.report(clip)] = self._report(tables[0].path)
        self._place(clip, folder, files, None if problem is not None else hashes)
        if isinstance(problem, SteadyposeError):
            raise problem
        return Outcome(clip, DONE, run.frames, notes=tuple(run.source.remarks))

    def _open(self, settings: Settings) -> Run:
        source = open_source(settings.source)
        pipeline, outputs, angles = parts_of(
            settings,
            self._engine,
            source,
            typed=self._order.typed,
            second_pass=_smooth_again,
            say=self._notes.append,
        )
        return Run(
            source,
            pipeline,
            outputs,
            is_smooth=settings.is_smoothing,
            max_frames=settings.max_frames,
            angles=angles,
            beat=partial(self._beat, Beat.READS),
        )

    def _add_report(
        self, clip: Clip, folder: Path, made: dict[str, int | None], hashes: dict[str, str]
    ) -> None:
        """Make the page about a recording that is finished."""
        order = self._order
        for name in (order.recordings(clip)[0], order.sidecar(clip)):
            found = self._store.fetch(name, folder)
            if found is not None:
                (folder / Path(name).name).write_bytes(found.read_bytes())
        table = folder / Path(order.recordings(clip)[0]).name
        files = {order.report(clip): self._report(table)}
        kept = {name: made.get(Path(name).name) for name in order.recordings(clip)}
        self._place(clip, folder, files, hashes, kept=kept)

    def _report(self, table: Path) -> int | None:
        try:
            return write_report(table, table.with_suffix(".html")).stat().st_size
        except NobodyError:
            return None

    def _place(
        self,
        clip: Clip,
        folder: Path,
        files: dict[str, int | None],
        hashes: dict[str, str] | None,
        *,
        kept: dict[str, int | None] | None = None,
    ) -> None:
        """Move everything to where it belongs; the mark comes last.

        Args:
            clip: Whose.
            folder: Where the files lie.
            files: Bytes of each by its name below the target; None: there is none.
            hashes: For the mark; None: there is none.
            kept: Files that stay where they are.
        """
        sidecar = self._order.sidecar(clip)
        described = folder / Path(sidecar).name
        if not described.exists():
            return  # not one frame came: what an earlier run wrote stays
        if hashes is not None:
            sizes = {Path(name).name: size for name, size in {**(kept or {}), **files}.items()}
            mark(described, **hashes, source=clip.path, files=sizes)
        self._store.remove(sidecar)
        for name, size in files.items():
            if size is not None:
                self._store.place(folder / Path(name).name, name)
        self._store.place(described, sidecar)

    @staticmethod
    def _size(folder: Path, name: str) -> int | None:
        path = folder / Path(name).name
        return path.stat().st_size if path.is_file() else None


def _unmeasured(settings: Settings, threads: int) -> Settings:
    """On so many threads; who cuts crops faster may be measured otherwise in the next process."""
    crops = "cpu" if settings.engine.crops == "auto" else settings.engine.crops
    return replace(settings, engine=replace(settings.engine, threads=threads, crops=crops))


def _in_fp32(taken: Taken, settings: Settings) -> Taken:
    """Whether bf16 gains time is measured, with one result now and another in the next process.

    All clips of an archive are to be followed alike, by all workers and however often it is begun.
    """
    taken.opened.engine.close()
    options = replace(settings.engine_options(settings.engine.threads), precision="fp32")
    return replace(
        taken, opened=open_engine(taken.model, backend=taken.opened.backend, options=options)
    )


def _smooth_again(path: Path, form: TableFormat, claim: Claim | None) -> None:
    """Give a finished table its second pass, if there is somebody in it."""
    try:
        resmooth(path, path, form=form, owner=claim)
    except NobodyError:
        return
