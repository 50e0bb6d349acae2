"""Everything that can be known about the files to write, before anything starts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from steadypose.engines.engine_file import sidecar_of
from steadypose.engines.errors import UsageError
from steadypose.engines.file_io import end_of_links, identity
from steadypose.engines.foreign.claims import is_plain
from steadypose.engines.wording.printable import quoted
from steadypose.realtime.command.settings import Settings
from steadypose.realtime.command.written_files import check_own, check_written, holds_something
from steadypose.realtime.model.places import PUBLISHED, SHIPPED
from steadypose.realtime.record.formats import tables
from steadypose.realtime.record.live.opening import check_packages
from steadypose.realtime.record.outputs import described_by
from steadypose.realtime.record.parts import first_part
from steadypose.realtime.record.recorder import load_video_sink
from steadypose.realtime.record.sidecar import sidecar_path
from steadypose.realtime.sources.opening import source_files

VIDEO_SUFFIXES = (".mp4", ".m4v", ".mov")


def check_outputs(settings: Settings, say: Callable[[str], None] = lambda _: None) -> None:
    """Refuse outputs that cannot be written, or that would destroy something.

    Args:
        settings: Of the run.
        say: Told which recordings of earlier runs will be replaced.

    Raises:
        UsageError: Two outputs, or an output and an input or a model file of this program, are
            the same file, be it only in a later part; no run wrote what would be replaced; a
            video or table has the suffix of something else; a package is missing.
        RecordError: A file cannot be written, or av is missing for a video.
    """
    sources = (settings.source, *settings.further)
    read = [path for source in sources for path in source_files(source.text)]
    read += [settings.model, sidecar_of(settings.model)]
    read += [*SHIPPED, PUBLISHED]  # a later run reads them
    read += [settings.config] if settings.config else []
    read += settings.skeleton.files if settings.skeleton else []
    files = list(_files(settings))
    check_written(files, read=read, is_forced=settings.is_forced)
    if settings.split is not None:
        _check_split(settings, read, [path for path, _ in files])
    for table in settings.tables:
        _check_ending(table)
        if table.format.check is not None:
            table.format.check(table.format.option)
    if settings.video is not None and settings.video.suffix.lower() not in VIDEO_SUFFIXES:
        raise UsageError(
            f"--save-video {settings.video} does not end in {' or '.join(VIDEO_SUFFIXES)}",
            fix=f"--save-video {quoted(settings.video.with_suffix('.mp4'))}",
        )
    if settings.video is not None:
        load_video_sink()  # now, and not at the first frame
    check_packages(settings.live)
    if settings.is_offline_smoothed:
        _check_offline(settings)
    for table in settings.tables:
        if not is_plain(table.path) and (settings.split or settings.is_offline_smoothed):
            option = "--split" if settings.split else "--offline-smooth"
            raise UsageError(
                f"{option} needs files; {table.format.option} {table.path} is none",
                fix="give the name of a file",
            )
    _tell_replaced(settings, say)


def _check_ending(table: tables.Table) -> None:
    """A table may have any name but one that promises something else."""
    ending, own = table.path.suffix.lower(), f".{table.format.name}"
    if ending != own and ending in {*VIDEO_SUFFIXES, *tables.SUFFIXES}:
        option = table.format.option
        raise UsageError(
            f"{option} {table.path} has the ending of another kind of file",
            fix=f"{option} {quoted(table.path.with_suffix(own))}",
        )


def _tell_replaced(settings: Settings, say: Callable[[str], None]) -> None:
    """Earlier recordings stay until the first frame is there."""
    found = [path for path in settings.recordings if is_plain(path) and holds_something(path)]
    if found:
        verb = "exists" if len(found) == 1 else "exist"
        when = "will be replaced when the first frame is recorded"
        say(f"note: {', '.join(map(str, found))} {verb} and {when}")


def _check_split(settings: Settings, read: list[Path], written: list[Path]) -> None:
    """Refuse what a later part would write over.

    Args:
        settings: Of a run that splits.
        read: Files that are read.
        written: Files that are written, the first part of each.
    """
    if not settings.recordings:
        options = tables.listed((*tables.OPTIONS, "--save-video"))
        raise UsageError("--split has nothing to split", fix=f"add {options}")
    for path in settings.recordings:
        first = end_of_links(path.parent) / path.name  # parts stand beside a link
        # A link of a part's name may lead to a file of any name.
        later = [p for p in first.parent.glob("*") if _is_later(p, first)]
        leads_to = {identity(part) for part in later}
        for others, use in ((read, "is read"), (written, "is another output")):
            for other in sorted(map(end_of_links, others)):
                if _is_later(other, first) or identity(other) in leads_to:
                    raise UsageError(
                        f"--split: {other} {use}, and a later part of {path} would replace it",
                        fix="choose another file name",
                    )
        for part in later:
            check_own(part, "--split:", is_forced=settings.is_forced)


def _is_later(path: Path, first: Path) -> bool:
    """Whether a name is that of a later part, or of its journal."""
    written = tables.without_journal(path)
    return first_part(written) == first != written


def _check_offline(settings: Settings) -> None:
    check_second_pass([table.format for table in settings.tables], has_angles=settings.has_angles)
    if not settings.tables:
        name, choice = tables.NAMES[0], tables.listed(tables.RAW_OPTIONS)
        raise UsageError(
            "--offline-smooth has no recording to smooth", fix=f"add --{name} out.{name} {choice}"
        )


def check_second_pass(forms: Sequence[tables.TableFormat], *, has_angles: bool) -> None:
    """The second pass starts from raw positions, which a wide CSV does not have.

    Args:
        forms: What is recorded.
        has_angles: Joint angles are, too.

    Raises:
        UsageError: It cannot be done.
    """
    if has_angles:
        raise UsageError(
            "--offline-smooth cannot record angles: they need the uncertainty of each position, "
            "which the second pass does not know",
            fix="leave out one of --offline-smooth and --angles; the report measures angles, too",
        )
    for form in (form for form in forms if not form.has_raw):
        better = tables.fullest(form.name)
        raise UsageError(
            f"--offline-smooth needs raw positions, which a {form.title} does not have",
            fix=f"add {better.full_option}" if better.has_raw else "choose another format",
        )


def check_angles(settings: Settings, say: Callable[[str], None]) -> None:
    """Angles that are asked for go somewhere; see ``check_recorded_angles``.

    Those of a second pass are left to ``check_outputs``, which refuses them wherever they go.

    Args:
        settings: Of the run, with all its sources.
        say: Told where they are only shown.

    Raises:
        UsageError: Nothing shows or records them.
    """
    if settings.has_angles and not settings.is_offline_smoothed:
        live = settings.live
        is_watched = live.serve is not None or live.has_virtual_camera
        check_recorded_angles(
            [table.format for table in settings.tables],
            is_shown=is_watched or settings.video is not None or not settings.is_headless,
            otherwise="--jsonl out.jsonl",
            say=say,
        )


def check_recorded_angles(
    forms: Sequence[tables.TableFormat],
    *,
    is_shown: bool,
    otherwise: str,
    say: Callable[[str], None],
) -> None:
    """Angles that are asked for are recorded; where they are only shown, that is said.

    Args:
        forms: What is recorded.
        is_shown: There is a picture with angles in it.
        otherwise: The option that records them, where no layout of these formats does.
        say: Told where they are only shown.

    Raises:
        UsageError: Nothing shows or records them.
    """
    if any(form.takes_angles for form in forms) or (is_shown and not forms):
        return
    better = [form for form in map(tables.fullest, (f.name for f in forms)) if form.takes_angles]
    fix = f"add {better[0].full_option if better else otherwise}"
    why = "nothing shows or records them"
    if forms:
        why = f"a {tables.listed([form.title for form in forms])} does not hold them"
    if not is_shown:
        raise UsageError(f"--angles has nowhere to put angles: {why}", fix=fix)
    say(f"note: angles are shown but not recorded: {why}; {fix}")


def _files(settings: Settings) -> Iterator[tuple[Path, str]]:
    """Every file of a run, with the option that names it."""
    for table in settings.tables:
        yield table.path, table.format.option
    for path, option in ((settings.video, "--save-video"), (settings.benchmark, "--benchmark")):
        if path is not None:
            yield path, option
    for table in settings.tables:
        if end := table.format.beside:
            journal = table.path.with_name(table.path.name + end)
            yield journal, f"the journal of {table.format.option}:"
    if (described := described_by(settings.recordings)) is not None:
        yield sidecar_path(described), "the description of the recording:"
