"""The command ``python -m realtime.report out.csv``."""

from __future__ import annotations

if __name__ == "__main__":  # before anything is loaded: Ctrl-C is a sentence from now on
    from importlib import import_module

    import_module("steadypose.start").tool("report.__main__")

import argparse
import webbrowser
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from steadypose.engines.errors import UsageError
from steadypose.engines.file_io import replace_text, writing
from steadypose.engines.wording.advice import command
from steadypose.realtime.command.options.parser import Parser, file_name, run_command
from steadypose.realtime.command.written_files import add_force, check_written
from steadypose.realtime.model.skeletons import ChosenSkeleton, add_skeleton
from steadypose.realtime.record.formats.reading import Recording, read_recording
from steadypose.realtime.record.sidecar import find_sidecar, sidecar_path
from steadypose.realtime.report.limbs import limbs_of
from steadypose.realtime.report.page import build_page, is_report
from steadypose.realtime.report.sidecar_text import find_run_info

_HEAD = 1 << 16


def build_parser() -> argparse.ArgumentParser:
    """The options of the command."""
    parser = Parser(
        prog=command("report"),
        description="Make one HTML page about a recording; it can be read without a network.",
    )
    parser.add_argument(
        "table", type=file_name, metavar="IN", help="what a run recorded, of any format"
    )
    parser.add_argument(
        "-o",
        "--output",
        type=file_name,
        metavar="FILE",
        help="the page to write (default: the recording's name with .html; where "
        "that is the page of another, .html after its whole name)",
    )
    parser.add_argument("--person", type=int, metavar="N", help="only the person with this id")
    add_skeleton(parser, "what joins the keypoints, if the recording does not tell")
    parser.add_argument("--open", action="store_true", help="open the page in the browser")
    add_force(parser)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Write the page; returns the exit code: 0 done, 2 something the user can fix."""
    return run_command(lambda: _work(argv))


def _work(argv: Sequence[str] | None) -> list[str]:
    arguments = build_parser().parse_args(argv)
    path = write_report(
        arguments.table,
        arguments.output,
        person=arguments.person,
        is_forced=arguments.force,
        skeleton=arguments.skeleton,
    )
    lines = [f"{path} ({path.stat().st_size / 1000:.0f} kB)"]
    if arguments.open and not webbrowser.open(path.resolve().as_uri()):
        lines.append(f"no browser was found; open {path} in one")
    return lines


def write_report(
    table: Path,
    output: Path | None = None,
    *,
    person: int | None = None,
    is_forced: bool = False,
    skeleton: ChosenSkeleton | None = None,
) -> Path:
    """Read a recording and write the page about it.

    Args:
        table: A recording of any format.
        output: The page; by default beside the recording.
        person: Show only this id.
        is_forced: A file that no run wrote may be replaced.
        skeleton: What joins the keypoints; default: what is known of the recording.

    Returns:
        Where the page is.

    Raises:
        SteadyposeError: The recording cannot be read, contains no people or not this person, or
            the page cannot be written.
    """
    output = output or _page_of(table)
    check_written(
        [(output, "-o")],
        read=(
            *(table, sidecar_path(table), find_sidecar(table) or table),
            *(skeleton.files if skeleton else ()),
        ),
        is_forced=is_forced,
        said="is what the report is made of",
    )
    recording = choose_person(read_recording(table), person)
    limbs = limbs_of(recording, skeleton.skeleton if skeleton else None)
    page = build_page(recording, find_run_info(table), limbs=limbs)
    with writing(output):
        replace_text(output, page)
    return output


def _page_of(table: Path) -> Path:
    """The recording's name with .html; with its own ending kept, where that is another's page."""
    page = table.with_suffix(".html")
    try:
        with page.open("rb") as file:
            head = file.read(_HEAD)
    except OSError:
        return page
    is_anothers = is_report(head) and not is_report(head, table.name)
    return table.with_name(f"{table.name}.html") if is_anothers else page


def choose_person(recording: Recording, person: int | None) -> Recording:
    """Reduce a recording to one person; None keeps all.

    Raises:
        UsageError: No person has this id.
    """
    if person is None:
        return recording
    people = tuple(track for track in recording.people if track.person == person)
    if not people:
        ids = ", ".join(str(track.person) for track in recording.people[:20])
        raise UsageError(f"{recording.path} has no person {person}", fix=f"its ids: {ids}")
    return replace(recording, people=people)
