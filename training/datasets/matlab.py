"""Read .mat files of the older data sets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from steadypose.engines.errors import SourceError
from training.datasets.matlab_numbers import check_numbers


def read_mat(path: Path) -> dict[str, Any]:
    """Variables of a Matlab file, structs as objects with attributes.

    Raises:
        SourceError: The file is missing, damaged, or scipy is not installed.
    """
    try:
        from scipy.io import loadmat  # noqa: PLC0415  # only these data sets need it
    except ImportError as error:
        raise SourceError(
            f"reading {path.name} needs scipy", fix="pip install -r requirements-export.txt"
        ) from error
    try:
        check_numbers(path)
        found: dict[str, Any] = loadmat(path, struct_as_record=False, squeeze_me=True)
    except OSError as error:
        raise SourceError(
            f"cannot read {path}: {error.strerror or error}", fix="check the path in the config"
        ) from error
    except Exception as error:  # scipy's parser promises nothing about what it raises
        raise SourceError(
            f"{path} is no Matlab file that scipy reads: {error}",
            fix="use the published file (Matlab 5 format)",
        ) from error
    return found
