"""Everything that can be known about the files to write, before anything starts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from steadypose.engines.errors import UsageError
from steadypose.engines.file_io import check_writable
from steadypose.engines.printable import quoted
from steadypose.realtime.command.settings import Settings
from steadypose.realtime.model.places import PUBLISHED, SHIPPED
from steadypose.realtime.record.formats import tables
from steadypose.realtime.record.parts import first_part
from steadypose.realtime.record.sidecar import check_sidecar, sidecar_path
from steadypose.realtime.sources.opening import source_files

VIDEO_SUFFIXES = (".mp4", ".m4v", ".mov")


def check_outputs(settings: Settings) -> None:
    """Refuse outputs that cannot be written, or that would destroy something.

    Raises:
        UsageError: Two outputs, or an output and an input or a model file of this program, are
            the same file, be it only in a later part; the video has another suffix; a package
            is missing.
        RecordError: A file cannot be written.
    """
    inputs = {path.resolve() for path in source_files(settings.source.text)}
    inputs.add(settings.model.resolve())
    inputs.update(path.resolve() for path in (*SHIPPED, PUBLISHED))  # a later run reads them
    named: set[Path] = set()
    for path, option in _files(settings):
        check_writable(path, option)
        if path.resolve() in inputs:
            raise UsageError(
                f"{option} {path} is read, by this run or a later one, and would be destroyed",
                fix="choose another file name",
            )
        if path.resolve() in named:
            raise UsageError(
                f"{option} {path}: another output has the same file", fix="give each its own file"
            )
        named.add(path.resolve())
    if settings.split is not None:
        _check_split(settings, inputs, named)
    if settings.recordings:
        check_sidecar(sidecar_path(settings.recordings[0]))
    for table in settings.tables:
        if table.format.check is not None:
            table.format.check(table.format.option)
    if settings.video is not None and settings.video.suffix.lower() not in VIDEO_SUFFIXES:
        raise UsageError(
            f"--save-video {settings.video} does not end in {' or '.join(VIDEO_SUFFIXES)}",
            fix=f"--save-video {quoted(settings.video.with_suffix('.mp4'))}",
        )
    if settings.is_offline_smoothed:
        _check_offline(settings)


def _check_split(settings: Settings, inputs: set[Path], named: set[Path]) -> None:
    """Refuse what a later part would write over.

    Args:
        settings: Of a run that splits.
        inputs: Files that are read.
        named: Files that are written, the first part of each.
    """
    if not settings.recordings:
        options = tables.listed((*tables.OPTIONS, "--save-video"))
        raise UsageError("--split has nothing to split", fix=f"add {options}")
    for path in settings.recordings:
        first = path.parent.resolve() / path.name  # parts stand beside a link
        # A link of a part's name may lead to a file of any name.
        links = [p for p in first.parent.glob("*") if p.is_symlink() and first_part(p) == first]
        leads_to = {link.resolve() for link in links}
        for other in sorted(inputs | named):
            written = tables.without_journal(other)
            is_part = first_part(written) == first != written
            if is_part or other in leads_to:
                use = "is read" if other in inputs else "is another output"
                raise UsageError(
                    f"--split: {other} {use}, and a later part of {path} would replace it",
                    fix="choose another file name",
                )


def _check_offline(settings: Settings) -> None:
    """The second pass starts from raw positions, which a wide CSV has not."""
    for form in (table.format for table in settings.tables if not table.format.has_raw):
        better = tables.fullest(form.name)
        raise UsageError(
            f"--offline-smooth needs raw positions, which a {form.title} has not",
            fix=f"add {better.full_option}" if better.has_raw else f"leave out {form.option}",
        )
    if not settings.tables:
        name, choice = tables.NAMES[0], tables.listed(tables.RAW_OPTIONS)
        raise UsageError(
            "--offline-smooth has no recording to smooth", fix=f"add --{name} out.{name} {choice}"
        )


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
    if settings.recordings:
        yield sidecar_path(settings.recordings[0]), "the description of the recording:"
