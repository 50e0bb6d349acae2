"""A run of several sources: what each of them is to do, and how all of it ends."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from steadypose.engines.errors import UsageError
from steadypose.engines.file_io import replace_text, writing
from steadypose.engines.foreign.claims import is_plain
from steadypose.engines.wording import telling
from steadypose.engines.wording.counting import counted
from steadypose.engines.wording.printable import visible_values
from steadypose.realtime.app.grid import Grid
from steadypose.realtime.app.many import Member, end_all, run_together, wait_for_all
from steadypose.realtime.command.console import clear, say
from steadypose.realtime.command.ending import code_of
from steadypose.realtime.command.settings import Settings
from steadypose.realtime.command.stopping.signals import Stop
from steadypose.realtime.command.summary import figures, summary
from steadypose.realtime.record.formats.tables import Table
from steadypose.realtime.record.joint import JointTable


def each_of(settings: Settings) -> list[Settings]:
    """What each source is to do: its own files, ``out.cam0.csv``; no figures of its own.

    Raises:
        UsageError: Something is asked for that there is only once.
    """
    if settings.live.has_virtual_camera:
        raise UsageError(
            "--virtual-camera shows one picture, and there are several sources",
            fix="start a process for the source that is to be shown, or look at --serve",
        )
    for path in settings.recordings:
        if not is_plain(path):
            raise UsageError(
                f"several sources need files, and {path} is none", fix="give the name of a file"
            )
    every = (settings.source, *settings.further)
    tables = [t for t in settings.tables if not _is_joint(t, settings)]
    own = [
        replace(
            settings,
            source=source,
            further=tuple(other for other in every if other is not source),
            tables=tuple(replace(t, path=_own(t.path, name)) for t in tables),
            video=None if settings.video is None else _own(settings.video, name),
            benchmark=None,
        )
        for source, name in zip(every, settings.names, strict=True)
    ]
    return [one if one.recordings else replace(one, split=None) for one in own]


def joint_of(settings: Settings) -> Settings:
    """What is written for all sources together: figures, and the table of ``--one-csv``.

    Raises:
        UsageError: No such table is asked for, or it is to get a second pass.
    """
    tables = tuple(t for t in settings.tables if _is_joint(t, settings))
    if settings.is_one_csv and not tables:
        raise UsageError("--one-csv has no CSV to write", fix="add --csv out.csv")
    if tables and settings.is_offline_smoothed:
        raise UsageError(
            "--offline-smooth needs a table for each source",
            fix="leave out one of it and --one-csv",
        )
    split = settings.split if tables else None
    return replace(settings, tables=tables, video=None, split=split, is_offline_smoothed=False)


def _is_joint(table: Table, settings: Settings) -> bool:
    return settings.is_one_csv and table.format.open_joint is not None


def _own(path: Path, name: str) -> Path:
    return path.with_name(f"{path.stem}.{name}{path.suffix}")


def finish_together(
    members: Sequence[Member],
    grid: Grid,
    settings: Settings,
    batches: Sequence[int],
    stop: Stop,
    last: Sequence[Callable[[], None]] = (),
    joint: JointTable | None = None,
) -> int:
    """Run all, close everything, report.

    Args:
        members: Assembled.
        grid: Their window.
        settings: Of the run.
        batches: Filled meanwhile: how many sources each common batch was for.
        stop: Signal handler.
        last: What is closed after all of them.
        joint: The table of all.

    Raises:
        SteadyposeError: The first failure; what was recorded is kept.
    """

    def close_all(run: Callable[[], None], *rest: Callable[[], None]) -> int:
        problems = _problems_of((run, *_closings(members), *last, *rest))
        return _report(members, settings, batches, problems, joint)

    def instead(name: str) -> int:
        def run() -> None:
            wait_for_all(members)
            raise KeyboardInterrupt(name)

        return code_of(partial(close_all, run))

    run = partial(stop.run, partial(run_together, members, grid), partial(end_all, members))
    return close_all(partial(run, instead), grid.close)


def _problems_of(steps: Iterable[Callable[[], None]]) -> list[BaseException]:
    problems: list[BaseException] = []
    for step in steps:
        try:
            step()
        except BaseException as error:
            problems.append(error)
    return problems


def _closings(members: Sequence[Member]) -> Iterator[Callable[[], None]]:
    for member in members:
        yield member.app.outputs.close
        yield member.app.source.close


def _report(
    members: Sequence[Member],
    settings: Settings,
    batches: Sequence[int],
    problems: list[BaseException],
    joint: JointTable | None,
) -> int:
    problems += [member.failure for member in members if member.failure is not None]
    clear()
    for member in members:
        for remark in member.app.source.remarks:
            say(f"note: {member.name}: {remark}")
        if member.failure is not None and member.failure is not problems[0]:
            say(f"{member.name}: {getattr(member.failure, 'what', member.failure)}")
        telling.tell([f"{member.name}: {line}" for line in summary(member.app)], to_error=False)
    if joint is not None and joint.files:
        names = [str(joint.path), *(path.name for path in joint.files[1:])]
        telling.tell(f"all: {', '.join(names)} ({counted(joint.rows, 'row')})", to_error=False)
    if settings.benchmark is not None:
        _write_figures(members, batches, settings.benchmark)
    if problems:
        raise problems[0]
    return 0


def _write_figures(members: Sequence[Member], batches: Sequence[int], path: Path) -> None:
    told = {member.name: figures(member.app) for member in members}
    mean = round(sum(batches) / len(batches), 3) if batches else None
    content = {"sources": told, "sources_per_batch": mean, "batches": len(batches)}
    with writing(path):
        replace_text(path, json.dumps(visible_values(content), indent=2) + "\n")
