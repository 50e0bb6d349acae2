"""Pictures and snapshots under any name, where OpenCV's own functions take ASCII alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from steadypose.engines.errors import SourceError
from steadypose.engines.skeletons.people import COCO17
from steadypose.realtime.record.outputs import Outputs
from steadypose.realtime.sources.opening import SourceOptions, open_source
from tests.support.drawn import write_picture


@pytest.fixture
def as_on_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    """``fopen`` with UTF-8 bytes finds no such file there (loadsave.cpp, OpenCV 5.0.0)."""
    read, write = cv2.imread, cv2.imwrite  # noqa: TID251 - replaced, not used
    monkeypatch.setattr(cv2, "imread", lambda name, *f: read(name, *f) if name.isascii() else None)

    def imwrite(name: str, *more: Any) -> bool:
        return name.isascii() and write(name, *more)

    monkeypatch.setattr(cv2, "imwrite", imwrite)


@pytest.mark.usefixtures("as_on_windows")
@pytest.mark.parametrize("name", ["Jürgen", "ポーズ"])
def test_pictures_and_snapshots_under_any_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    folder = tmp_path / name
    folder.mkdir()
    write_picture(folder / f"{name}.png", np.full((20, 30, 3), 90, np.uint8))
    source = open_source(SourceOptions(str(folder)))
    frame = source.read(5.0)
    source.close()
    assert frame is not None
    assert frame.size_hw == (20, 30)
    monkeypatch.chdir(folder)
    monkeypatch.setattr("steadypose.realtime.record.outputs.output_folder", lambda: folder)
    outputs = Outputs(COCO17, 30.0, is_live=True)
    assert outputs.save_snapshot(np.full((20, 30, 3), 90, np.uint8)).startswith("saved ")
    assert len(list(folder.glob("snapshot-*.png"))) == 1


def test_a_picture_larger_than_any_is_not_taken_into_memory(tmp_path: Path) -> None:
    path = tmp_path / "a.bmp"
    with path.open("wb") as file:
        file.truncate(9 * 100_000_000)
    source = open_source(SourceOptions(str(path)))
    with pytest.raises(SourceError, match="1 of 1 pictures could not be read"):
        while not source.is_over:
            source.read(5.0)
    source.close()
