"""Recordings in other formats: python -m realtime.convert IN OUT."""

from __future__ import annotations

if __name__ == "__main__":  # before anything is loaded: Ctrl-C is a sentence from now on
    from importlib import import_module

    import_module("steadypose.start").tool("convert")

import argparse
import re
import secrets
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from steadypose.engines.errors import UsageError
from steadypose.engines.file_io import (
    check_writable,
    end_of_links,
    mode_of,
    replace_file,
    writing,
)
from steadypose.engines.foreign.claims import Claim, is_standard_output
from steadypose.engines.foreign.files import is_folder, is_there, stat_of
from steadypose.engines.foreign.moving import (
    OpenElsewhereError,
    is_open_elsewhere,
    move,
    patiently,
)
from steadypose.engines.wording.advice import command
from steadypose.engines.wording.counting import counted
from steadypose.realtime.command.options.parser import ANY, Number, Parser, file_name, run_command
from steadypose.realtime.command.options.recording import add_layout, chosen_table
from steadypose.realtime.command.written_files import add_force, check_written
from steadypose.realtime.record.formats import tables
from steadypose.realtime.record.formats.blocks import ReadState
from steadypose.realtime.record.formats.entry import Entry, Sink
from steadypose.realtime.record.formats.openpose import ORDERS, Order, write_openpose
from steadypose.realtime.record.formats.reading import read_frames, read_recording, skeleton_of
from steadypose.realtime.record.formats.trc import Markers, to_markers, write_trc

FORMATS = ("openpose", "trc", *tables.NAMES)
_ENDINGS = tables.listed((*tables.SUFFIXES, ".trc"))
_FLUSH_FRAMES = 1_000


def main(argv: Sequence[str] | None = None) -> int:
    """Convert a recording; returns the exit code: 0 done, 2 something the user can fix."""
    return run_command(lambda: convert(argv))


def convert(argv: Sequence[str] | None) -> str:
    """Do what the command line says; returns what to tell the user."""
    arguments = build_parser().parse_args(argv)
    name = arguments.to or format_of(arguments.output)
    _check(arguments.input, arguments.output, name, arguments)
    reading = ReadState(arguments.input)
    if name == "openpose":
        said = to_openpose(reading, arguments.output, arguments.order)
    elif name == "trc":
        said = to_trc(arguments.input, arguments.output, arguments.person, arguments.height)
    else:
        said = to_table(reading, arguments.output, chosen_table(name, arguments))
    if reading.is_cut:
        said += "; the end of the recording is cut off"
    return f"{arguments.output}: {said}"


def build_parser() -> Parser:
    """All options."""
    recorded = ", ".join((*tables.SUFFIXES, *tables.BESIDE))
    parser = Parser(
        prog=command("convert"),
        description=f"Turn a recording ({recorded}) into another format.",
    )
    parser.add_argument("input", type=file_name, metavar="IN", help="what a run recorded")
    parser.add_argument(
        "output",
        type=file_name,
        metavar="OUT",
        help=f"file ending in {_ENDINGS}; a folder for OpenPose's JSON",
    )
    parser.add_argument(
        "--to", choices=FORMATS, help="format, where the name of OUT does not tell it"
    )
    for name in tables.NAMES:
        add_layout(parser, tables.fullest(name))
    parser.add_argument(
        "--order",
        choices=ORDERS,
        default="coco17",
        help="order of the keypoints in OpenPose's JSON (default: %(default)s)",
    )
    parser.add_argument(
        "--person",
        type=Number(1, ANY),
        metavar="N",
        help="person whose markers a TRC holds (default: the one seen longest)",
    )
    parser.add_argument(
        "--height",
        type=float,
        metavar="M",
        help="that person's height in metres, which scales a TRC; without it a pixel becomes a "
        "millimetre",
    )
    add_force(parser)
    return parser


def option_names() -> frozenset[str]:
    """Of all options, with their dashes."""
    return frozenset(re.findall(r"--[a-z-]+", build_parser().format_help()))


def format_of(output: Path) -> str:
    """The format that a name asks for.

    Raises:
        UsageError: It does not tell.
    """
    suffix = output.suffix.lower().removeprefix(".")
    if is_standard_output(output):
        raise UsageError(f"{output} does not tell the format", fix=f"add --to {tables.NAMES[0]}")
    if is_folder(output) or not suffix:
        return "openpose"
    if suffix not in FORMATS:
        raise UsageError(
            f"{output} does not end in {_ENDINGS}, and is no folder",
            fix=f"give the format: --to {FORMATS[0]}, or another of {', '.join(FORMATS[1:])}",
        )
    return suffix


def _check(source: Path, output: Path, name: str, arguments: argparse.Namespace) -> None:
    """Refuse what would destroy something, before anything is read."""
    height = arguments.height
    if height is not None and not 0.3 <= height <= 3.0:
        raise UsageError(
            f"--height {height:g} is not between 0.3 and 3 metres", fix="--height 1.75"
        )
    if name != "openpose":
        check_written(
            [(output, "OUT")],
            read=[source],
            is_forced=arguments.force,
            said="is the recording itself",
            pipes=("OUT",) if name in tables.PIPE_NAMES else (),
        )
        return
    if is_there(output) and not is_folder(output):
        raise UsageError(f"{output} is a file, OpenPose needs a folder", fix="choose another name")
    if is_folder(output) and any(output.iterdir()):
        raise UsageError(f"the folder {output} is not empty", fix="choose a new folder")
    check_writable(_fresh(output) if is_folder(output) else output, "OUT")


def _fresh(output: Path) -> Path:
    """Where the folder ``output`` is made, so that a kill leaves no half of it."""
    target = end_of_links(output)
    return target.with_name(f"{target.name[:40]}.{secrets.token_hex(8)}.part")


def to_table(
    reading: ReadState,
    output: Path,
    form: tables.TableFormat,
    *,
    read: Callable[[ReadState], Iterator[Entry]] = read_frames,
    owner: Claim | None = None,
) -> str:
    """Write a table; returns what was written.

    Args:
        reading: The recording.
        output: Keeps its old content until the new one is complete.
        form: What to write.
        read: Gives the frames of a recording; may change them on the way.
        owner: The claim on ``output``, if the caller has it.
    """
    rows = 0

    def write(path: Path) -> None:
        nonlocal rows
        sink: Sink[Entry] | None = None
        try:
            for number, entry in enumerate(read(reading)):
                if sink is None:
                    sink = form.open(path, skeleton_of(reading.keypoints))
                sink.add(entry)
                if number % _FLUSH_FRAMES == 0:
                    sink.flush()
        finally:
            try:
                if sink is not None:
                    sink.close()
                    rows = sink.rows
            finally:
                if form.beside:  # a conversion that failed can be run again: nothing to keep
                    path.with_name(f"{path.name}{form.beside}").unlink(missing_ok=True)

    _replace(output, write, owner)
    return counted(rows, form.unit)


def to_openpose(reading: ReadState, output: Path, order: Order) -> str:
    """Write a folder of JSON files; returns what was written."""
    fresh, target, earlier = _fresh(output), end_of_links(output), stat_of(output)
    is_kept = False
    with writing(output):
        fresh.mkdir()
        try:
            if earlier is not None:
                fresh.chmod(mode_of(earlier) | 0o700)
            files = write_openpose(fresh, reading.path.stem, read_frames(reading), order)
            try:
                if earlier is not None:
                    patiently(target.rmdir)
                move(fresh, target)
            except OSError as error:  # a scanner reads one of thousands of new files
                if not is_open_elsewhere(error):
                    raise
                is_kept = True
                raise OpenElsewhereError(target, fresh) from error
        finally:
            if not is_kept:
                shutil.rmtree(fresh, ignore_errors=True)
    return f"{counted(files, 'file')}, keypoints in the order {order}"


def to_trc(source: Path, output: Path, person: int | None, height_m: float | None) -> str:
    """Write a marker file; returns what was written."""
    recording = read_recording(source)
    markers: Markers = to_markers(recording, person, height_m)
    _replace(output, lambda path: write_trc(path, markers, title=output.name))
    unit = "a pixel is a millimetre" if height_m is None else f"metres of a {height_m:g} m person"
    cut = "; the end of the recording is cut off" if recording.is_cut else ""
    return f"{len(markers.time_s)} frames at {markers.rate_hz:g} Hz, {unit}{cut}"


def _replace(output: Path, write: Callable[[Path], None], owner: Claim | None = None) -> None:
    with writing(output):
        replace_file(output, write, owner=owner)
