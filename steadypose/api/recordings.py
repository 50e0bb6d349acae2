"""Recordings: read, convert, smooth again, report."""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

from steadypose.api import elsewhere
from steadypose.api.given import path_of
from steadypose.api.wording import as_words, in_arguments
from steadypose.realtime.convert import FORMATS, option_names
from steadypose.realtime.convert import convert as _convert
from steadypose.realtime.record.formats import reading
from steadypose.realtime.report.__main__ import write_report
from steadypose.realtime.resmooth import work as _resmooth

if TYPE_CHECKING:
    from pandas import DataFrame

Name = str | PathLike[str]
"""Of a file."""


class Recording(reading.Recording):
    """A recording, person by person: ``people``, each with arrays over time.

    Attributes:
        path: Where it was read.
        keypoints: The K names, in order.
        people: In order of their ids.
        is_cut: The last row was incomplete and was left out, as after a power failure.
    """

    __slots__ = ()

    def to_pandas(self) -> DataFrame:
        """A table with a row per keypoint, columns as in a long CSV; NaN where it is lost.

        Raises:
            Error: pandas is not installed.
        """
        return elsewhere.to_pandas(self)


@in_arguments()
def read(path: Name) -> Recording:
    """Read a recording of any format, person by person.

    Raises:
        Error: The file is missing, damaged or something else, or there is no person in it.
    """
    found = reading.read_recording(path_of(path, "path"))
    return Recording(found.path, found.keypoints, found.people, found.is_cut)


def convert(source: Name, output: Name, *options: str) -> str:
    """Write a recording in another format; see ``python -m realtime.convert --help``.

    Args:
        source: A recording.
        output: Its suffix names the format; a folder is OpenPose's.
        options: Of that command, such as ``"--csv-layout", "wide"`` or ``"--force"``.

    Returns:
        What was written, a sentence.

    Raises:
        Error: It cannot be read or written.
    """
    with in_arguments(lambda text: as_words(text, option_names(), FORMATS)):
        return _convert([*options, "--", *_both(source, output)])


@in_arguments()
def resmooth(source: Name, output: Name, *, force: bool = False) -> str:
    """Smooth a recording once more, with knowledge of what came after.

    Args:
        source: A recording with raw positions.
        output: Another file.
        force: Replace a file that no run wrote.

    Returns:
        What was written, a sentence.

    Raises:
        Error: It cannot be read or written, or has no raw positions.
    """
    return _resmooth([*(["--force"] if force else []), "--", *_both(source, output)])


@in_arguments()
def report(
    recording: Name,
    output: Name | None = None,
    *,
    person: int | None = None,
    force: bool = False,
) -> Path:
    """Write the HTML page about a recording.

    Args:
        recording: Of any format.
        output: The page; None: beside the recording.
        person: Show only this id.
        force: Replace a file that no run wrote.

    Returns:
        Where the page is.

    Raises:
        Error: It cannot be read or written, or has no such person.
    """
    page = None if output is None else path_of(output, "output")
    return write_report(path_of(recording, "recording"), page, person=person, is_forced=force)


def _both(source: Name, output: Name) -> tuple[str, str]:
    return str(path_of(source, "source")), str(path_of(output, "output"))
