"""What a run leaves on the disk: checkpoints, weights, and the sentence when it cannot."""

from __future__ import annotations

import contextlib
import errno
import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import nn

from steadypose.engines.errors import ModelFileError, RecordError, UsageError
from steadypose.engines.file_io import replace_file
from steadypose.engines.foreign.texts import parse_json
from steadypose.engines.skeletons.named import SKELETONS
from steadypose.engines.wording.printable import quoted
from steadypose.export.weights.names import check_names
from training.config import TrainConfig
from training.datasets import PATHS

_FULL = (errno.ENOSPC, errno.EDQUOT)
_MAY_CHANGE = ("epochs", "rate", "warmup", "schedule", "weight_decay", "hard", "average")
"""Of a stage while it runs: what was learnt before stays what it is."""
_PARTS = ("trainer", "place", "fingerprint", "meter")
_STATE = ("step", "network", "average", "optimizer")


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """Whatever the disk refuses in here becomes a sentence; other errors pass.

    Args:
        path: What is written, for the message: a file, or the run's folder.

    Raises:
        RecordError: It could not be written.
    """
    try:
        yield
    except (OSError, RuntimeError) as error:
        cause = _disk_error(error)
        if cause is None:
            raise
        again = "the same command goes on from the last checkpoint"
        if cause.errno in _FULL:
            with contextlib.suppress(OSError):
                free = shutil.disk_usage(path.parent).free
                raise RecordError(
                    f"the disk is full: {path} needs more than the {free / 1e6:.1f} MB that are "
                    "free there",
                    fix=f"free some space; {again}",
                ) from error
        raise RecordError(
            f"cannot write {path}: {cause.strerror or cause}",
            fix=f"make it a folder you may write to; {again}",
        ) from error


def _disk_error(error: BaseException | None) -> OSError | None:
    """The disk's own error: torch's writer hides it behind one of its own."""
    while error is not None:
        if isinstance(error, OSError):
            return error
        error = error.__cause__ or error.__context__
    return None


def save_checkpoint(state: Mapping[str, Any], path: Path) -> None:
    """Write a checkpoint atomically: a half-written one never has its name.

    Raises:
        RecordError: The disk is full, or refuses; the earlier file is as it was.
    """

    def write(fresh: Path) -> None:
        with fresh.open("wb") as file:
            torch.save(dict(state), file)

    with writing(path):
        replace_file(path, write)


def load_checkpoint(path: Path) -> dict[str, Any] | None:
    """Read a checkpoint; None if there is none.

    Raises:
        ModelFileError: The file is damaged, or something else.
    """
    if not path.exists():
        return None
    try:
        check_names(path)
        saved = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise no_checkpoint(path, "is damaged or cut short") from error
    if not _is_checkpoint(saved):
        raise no_checkpoint(path, "is no checkpoint of training.train")
    return saved


def _is_checkpoint(saved: Any) -> bool:
    if not isinstance(saved, dict) or not {*_PARTS} <= set(saved):
        return False
    trainer, place = saved["trainer"], saved["place"]
    if not isinstance(trainer, dict) or not {*_STATE} <= set(trainer):
        return False
    if not isinstance(place, (list, tuple)) or len(place) != 2:
        return False
    return all(type(v) is int and v >= 0 for v in (*place, trainer["step"]))


def no_checkpoint(path: Path, why: str) -> ModelFileError:
    """The error for a checkpoint with which nothing can go on."""
    weights = path.with_name("weights.pt")
    begin = f"; --weights {quoted(weights)} --out NEW begins with those of its last epoch"
    return ModelFileError(
        f"the checkpoint {path} {why}",
        fix="remove it to start again, or choose another --out"
        + (begin if weights.exists() else ""),
    )


def save_weights(network: nn.Module, path: Path) -> None:
    """Write a state dict with fp16 tensors: half the size, read back as float32."""
    state = {
        name: value.half() if value.is_floating_point() else value
        for name, value in network.state_dict().items()
    }
    save_checkpoint(state, path)


def go_on(checkpoint: Path) -> str:
    """The advice for another run that begins where this one is."""
    return f"--weights {quoted(checkpoint)} --out NEW begins another run with what was learnt"


def fingerprint(
    config: TrainConfig,
    people: Sequence[int],
    *,
    first_stage: int,
    labels: str,
    is_resident: bool = False,
) -> str:
    """Everything a checkpoint depends on; continuing with anything else would mix two runs.

    Args:
        config: Of the run.
        people: Number of rows of each data set.
        first_stage: From 1.
        labels: Their digest.
        is_resident: Batches are made on the device; they are others than the host's.
    """
    more = {"people": list(people), "first stage": first_stage, "labels": labels}
    told: dict[str, Any] = {**asdict(config), **more}
    if is_resident:
        told["resident"] = True
    shape = config.skeleton
    if shape is None or shape == SKELETONS.get(shape.name):
        told["skeleton"] = "" if shape is None else shape.name
    return json.dumps(told, sort_keys=True)


def changes_since(saved: object, now: str, checkpoint: Path, *, stage: int) -> list[str]:
    """What of a config was changed that a run can go on with; anything else is refused.

    Length, rate and schedule of the stage that runs, or ran last, may be another, and so may be
    all stages after it: what was learnt is still what the config says. So it is where batches
    are made on the device from now on, or no longer.

    Args:
        saved: The fingerprint of a checkpoint.
        now: That of the run.
        checkpoint: The file.
        stage: In which the checkpoint is, from 0.

    Returns:
        Notes for the user.

    Raises:
        UsageError: Something else differs: two runs would be mixed. It says what.
    """
    if saved == now:
        return []
    before, after = _told(saved), _told(now)
    was, now_is = _flat(before), _flat(after)
    changed = [key for key in {**was, **now_is} if was.get(key) != now_is.get(key)]
    shown = "; ".join(
        "other labels"
        if k == "labels"
        else f"{k} {was.get(k, 'none')}, now {now_is.get(k, 'none')}"
        for k in changed[:3]
    )
    if before and _begun(before, stage) == _begun(after, stage):
        return [f"{checkpoint} goes on with another config ({shown})"]
    if changed == ["labels"]:
        raise UsageError(
            f"the labels were changed after {checkpoint} had learnt from them",
            fix=f"{go_on(checkpoint)}; --out NEW alone learns from scratch",
        )
    raise UsageError(
        f"{checkpoint} belongs to another config, other data or another version"
        + (f": {shown}" if shown and before else ""),
        fix=f"{go_on(checkpoint)}; or restore the config it was begun with",
    )


def _told(text: object) -> dict[str, Any]:
    """What a fingerprint says; nothing where it is none, or has another version's shape."""
    try:
        told = parse_json(str(text))
    except ValueError:
        return {}
    if not isinstance(told, dict):
        return {}
    stages, train = told.get("stage"), told.get("train")
    if not isinstance(stages, list) or not isinstance(train, list):
        return {}
    has_options = all(isinstance(v, dict) and isinstance(v.get("options"), dict) for v in train)
    return told if has_options and all(isinstance(v, dict) for v in stages) else {}


def _begun(told: dict[str, Any], stage: int) -> dict[str, Any]:
    """A fingerprint without what may be changed: what was learnt does not depend on it."""
    stages = list(told["stage"])[: stage + 1]
    if len(stages) > stage:
        stages[stage] = {k: v for k, v in stages[stage].items() if k not in _MAY_CHANGE}
    train = [
        {**data, "options": {k: v for k, v in data["options"].items() if k not in PATHS}}
        for data in told["train"]
    ]  # the labels themselves are in the fingerprint, wherever they lie
    free = {"name": "", "validate": [], "resident": False}
    return {**told, "stage": stages, "train": train, **free}


def _flat(value: Any, name: str = "") -> dict[str, Any]:
    """Nested tables as one, with names such as ``stage 1 rate``."""
    items: Iterator[tuple[object, Any]]
    if isinstance(value, dict):
        items = iter(value.items())
    elif isinstance(value, list) and any(isinstance(v, dict) for v in value):
        items = iter(enumerate(value, start=1))
    else:
        return {name: value}
    found: dict[str, Any] = {}
    for key, inner in items:
        found |= _flat(inner, f"{name} {key}".strip())
    return found
