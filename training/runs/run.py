"""A training run: the stages of a config in order; can be stopped and continued."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import nn

from steadypose.engines.errors import EngineError, SteadyposeError, UsageError
from steadypose.engines.skeletons.skeleton import Skeleton
from steadypose.engines.wording.telling import tell
from training.config import StageConfig, TrainConfig
from training.datasets import open_datasets
from training.datasets.review import review
from training.datasets.table import pictures_of
from training.examples.batches import Batch, Batches, worker_ended
from training.measures.measure import measure
from training.runs.after_epoch import draw_pictures, is_complete, write_weights
from training.runs.bar import Bar, has_bar, left
from training.runs.checkpoints import (
    changes_since,
    fingerprint,
    go_on,
    load_checkpoint,
    no_checkpoint,
    save_checkpoint,
    writing,
)
from training.runs.feeding import Feed
from training.runs.from_config import first_network, learns_heads, make_trainer, notes_on
from training.runs.progress import Log, Meter, log_notes
from training.runs.trainer import Trainer

_SAVE_EVERY_S = 600.0


class Place(NamedTuple):
    """Position in a run: the current stage, and the steps finished before it."""

    stage: int
    steps_before: int


class Begin(NamedTuple):
    """Where a run begins.

    Attributes:
        stage: Of the config, counted from 1.
        weights: State dict or model file, instead of the config's own.
        key: Which state dict, if it holds several.
    """

    stage: int = 1
    weights: Path | None = None
    key: str = ""


class Run:
    """Runs all stages of a config in order.

    Args:
        config: The config of the run.
        root: Relative data paths start here.
        out: Folder for everything the run writes; an earlier run in it is continued.
        device: ``cpu`` or ``cuda``.
        workers: Processes that prepare batches; None: they are made on the device.
        is_quiet: No progress bar.
        begin: Where, and from which weights.

    Raises:
        SteadyposeError: Data or earlier files cannot be used.
    """

    def __init__(
        self,
        config: TrainConfig,
        *,
        root: Path,
        out: Path,
        device: torch.device,
        workers: int | None,
        is_quiet: bool = False,
        begin: Begin = Begin(),  # noqa: B008 - it cannot be changed
    ) -> None:
        if not 1 <= begin.stage <= len(config.stage):
            raise UsageError(
                f"the config has stages 1 to {len(config.stage)}, not {begin.stage}",
                fix="choose one of them with --first-stage",
            )
        self.config = config
        self.is_stopping = False
        """Set it (from a signal handler) to save and end after the current step."""
        self._first_stage = begin.stage - 1
        own = config.network.weights
        weights = begin.weights or (root / own if own else None)
        self._root, self._out = root, out
        self._device, self._feed = device, Feed(workers, device, lambda: self.is_stopping)
        self._is_silent = is_quiet or not has_bar()
        try:
            out.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(
                f"cannot use {out} as folder: {error.strerror}", fix="choose another --out"
            ) from error
        self._datasets = open_datasets(config.train, root=root, skeleton=config.skeleton)
        self.skeleton: Skeleton = self._datasets[0].skeleton
        steps = [
            round(stage.epochs * self._batches(stage, n).steps_per_epoch)
            for n, stage in enumerate(config.stage)
        ]
        self.notes = notes_on(config, self.skeleton, steps)
        """Notes for the user before a run of hours."""
        self._held_out = open_datasets(config.validate, root=root, skeleton=self.skeleton)
        self._review = review(self._datasets, self._held_out)
        self.notes += self._review.notes
        self.pictures = pictures_of((*self._datasets, *self._held_out))
        """Files that are read, and must not be drawn over."""
        self._first: nn.Module = first_network(
            config, self.skeleton, weights, key=begin.key, notes=self.notes
        )
        self._checkpoint, self._weights_file = out / "checkpoint.pt", out / "weights.pt"
        self.notes += log_notes(out / "log.csv", has_checkpoint=self._checkpoint.exists())

    def go(self, *, until_step: int | None = None) -> float:
        """Train to the end, or until a step (counted over all stages).

        Returns:
            PCK@0.2 of the averaged weights on the first validation set; NaN when no
            epoch ended.
        """
        saved = load_checkpoint(self._checkpoint)
        if saved is not None:
            told, stage = saved.get("fingerprint"), int(saved["place"][0])
            for note in changes_since(told, self._fingerprint(), self._checkpoint, stage=stage):
                tell(f"note: {note}")
        place = Place(*saved["place"]) if saved else Place(self._first_stage, 0)
        done = place.steps_before + (int(saved["trainer"]["step"]) if saved else 0)
        with writing(self._out / "log.csv"):
            log = Log(self._out / "log.csv", until_step=done)
        network = self._first
        score = float(log.rows[-1]["pck"]) if log.rows else float("nan")
        meter = Meter()
        for number in range(place.stage, len(self.config.stage)):
            batches = self._batches(self.config.stage[number], number)
            trainer = make_trainer(
                network, self.config, number, batches, self.skeleton, self._root, self._device
            )
            if saved is not None:
                try:
                    trainer.restore(saved["trainer"])
                    meter = Meter(saved["meter"])
                except (RuntimeError, ValueError, TypeError, KeyError, AttributeError) as error:
                    why = "does not fit the network of its own config"
                    raise no_checkpoint(self._checkpoint, why) from error
                saved = None
            measured = self._stage(trainer, batches, place, meter, log, until_step)
            score = score if measured is None else measured
            if trainer.step < trainer.steps or self.is_stopping:
                return score
            # The next stage starts from the average, with a fresh optimiser.
            network = trainer.average
            place = Place(number + 1, place.steps_before + trainer.steps)
        return score

    def _fingerprint(self) -> str:
        people, is_resident = [len(d) for d in self._datasets], self._feed.is_resident
        labels, first = self._review.digest, self._first_stage + 1
        return fingerprint(
            self.config, people, first_stage=first, labels=labels, is_resident=is_resident
        )

    def _batches(self, stage: StageConfig, number: int) -> Batches:
        used = self.config.sets_of(number + 1)
        return Batches(
            [self._datasets[n] for n in used],
            shares=[self.config.train[n].share for n in used],
            batch=stage.batch,
            size_hw=stage.input,
            padding=self.config.padding_of(stage),
            augment=self.config.augment,
            seed=self.config.seed * 1000 + number,
            has_clean=learns_heads(self.config),
        )

    def _stage(
        self,
        trainer: Trainer,
        batches: Batches,
        place: Place,
        meter: Meter,
        log: Log,
        until_step: int | None,
    ) -> float | None:
        """Train one stage, or part of it; returns the last PCK measured."""
        last = trainer.steps
        if until_step is not None:
            last = min(last, until_step - place.steps_before)
        epochs = max(1, round(trainer.stage.epochs))
        epoch_ends = {round(trainer.steps * n / epochs) for n in range(1, epochs + 1)}
        source = self._feed.batches(batches, first=trainer.step, last=last)
        title = f"stage {place.stage + 1}/{len(self.config.stage)}"
        bar = Bar(title, steps=trainer.steps, done=trainer.step, is_silent=self._is_silent)
        score, saved_s = None, time.perf_counter()
        if trainer.step in epoch_ends:
            if log.has(place.steps_before + trainer.step):
                meter.start_epoch()  # the checkpoint predates the measurement
                if not is_complete(trainer, self.config, self.skeleton, self._out):
                    engine = write_weights(trainer, self.config, self.skeleton, self._weights_file)
                    draw_pictures(engine, self._held_out[0], log.rows, self._out)
            else:
                score = self._epoch(trainer, place, meter, log)  # it was interrupted there
        try:
            while trainer.step < last and not self.is_stopping:
                begin_s = time.perf_counter()
                batch = self._next(source, trainer, place, meter)
                waited_s = time.perf_counter() - begin_s
                loss = self._learn(trainer, batch)
                meter.add(loss, time.perf_counter() - begin_s, waited_s)
                bar.step()
                if not self._is_silent:
                    wait = left(self._left_s(trainer, place, meter))
                    bar.say(f"loss {meter.loss:.5f}, run {wait} left")
                is_epoch = trainer.step in epoch_ends
                if is_epoch or time.perf_counter() - saved_s > _SAVE_EVERY_S:
                    self._save(trainer, place, meter)
                    saved_s = time.perf_counter()
                if is_epoch and not self.is_stopping:
                    score = self._epoch(trainer, place, meter, log)
        except RuntimeError as error:
            raise worker_ended(error) or error from error
        finally:
            bar.close()
        # Not after an error: half a step may have moved the weights by then.
        self._save(trainer, place, meter)
        return score

    def _left_s(self, trainer: Trainer, place: Place, meter: Meter) -> float:
        """Estimate the seconds to the end of the run; later stages cost by their pixels."""

        def pixels(stage: StageConfig) -> int:
            return stage.input[0] * stage.input[1] * stage.batch

        steps_left = float(trainer.steps - trainer.step)
        for number in range(place.stage + 1, len(self.config.stage)):
            stage = self.config.stage[number]
            steps = stage.epochs * self._batches(stage, number).steps_per_epoch
            steps_left += steps * pixels(stage) / pixels(trainer.stage)
        return steps_left * meter.step_s

    def _next(self, source: Iterator[Batch], trainer: Trainer, place: Place, meter: Meter) -> Batch:
        """The next batch; if the data are wrong, save the training state first."""
        try:
            return next(source)
        except SteadyposeError:
            self._save(trainer, place, meter)
            raise

    def _learn(self, trainer: Trainer, batch: Batch) -> float:
        """One step; if it fails, the advice is one that works."""
        try:
            return trainer.learn(batch)
        except EngineError as error:
            kept = f": {go_on(self._checkpoint)}" if self._checkpoint.exists() else ""
            raise EngineError(error.what, fix=f"{error.fix}{kept}") from error

    def _save(self, trainer: Trainer, place: Place, meter: Meter) -> None:
        state: dict[str, Any] = {
            "trainer": trainer.state(),
            "place": list(place),
            "fingerprint": self._fingerprint(),
            "meter": meter.state(),
        }
        save_checkpoint(state, self._checkpoint)

    def _epoch(self, trainer: Trainer, place: Place, meter: Meter, log: Log) -> float:
        """Measure, and write log, pictures and weights; returns the PCK."""
        engine = write_weights(trainer, self.config, self.skeleton, self._weights_file)
        score = measure(engine, self._held_out[0]).pck()
        row = {
            "epoch": str(len(log.rows) + 1),
            "stage": str(place.stage + 1),
            "step": str(place.steps_before + trainer.step),
            "seconds": f"{meter.seconds:.0f}",
            "rate": f"{trainer.rate:.2e}",
            "loss": f"{meter.loss:.6f}",
            "pck": f"{score:.4f}",
            "waiting": f"{meter.waiting:.3f}",
        }
        with writing(self._out / "log.csv"):
            log.write(row)
        draw_pictures(engine, self._held_out[0], log.rows, self._out)
        if self._is_silent:
            wait = left(self._left_s(trainer, place, meter))
            tell(f"{','.join(row.values())}; {wait} left", to_error=False)
        meter.start_epoch()
        return score
