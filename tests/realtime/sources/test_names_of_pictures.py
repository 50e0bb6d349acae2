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
    found = "steadypose.realtime.sources.pictures._is_found"
    monkeypatch.setattr(found, lambda path: str(path).isascii())
    for reader, nothing in (("imreadmulti", (False, ())), ("imcount", 0), ("imreadanimation", 0)):
        real = getattr(cv2, reader, None)

        def read_named(name: str, *more: Any, real: Any = real, nothing: Any = nothing, **how: Any):  # type: ignore[no-untyped-def]
            return real(name, *more, **how) if name.isascii() else nothing

        monkeypatch.setattr(cv2, reader, read_named, raising=False)


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


PAGES = [np.full((20, 30, 3), 60 * number, np.uint8) for number in range(3)]


@pytest.mark.usefixtures("as_on_windows")
@pytest.mark.parametrize("kind", ["tiff", "webp"])
def test_all_pages_of_a_picture_under_any_path(tmp_path: Path, kind: str) -> None:
    plain, path = tmp_path / f"a.{kind}", tmp_path / f"Jürgen.{kind}"
    if kind == "tiff":
        cv2.imwritemulti(str(plain), PAGES)
    else:
        if not hasattr(cv2, "imdecodeanimation"):
            pytest.skip("needs a newer OpenCV")
        film = cv2.Animation()
        film.frames, film.durations = PAGES, [100, 100, 100]
        cv2.imwriteanimation(str(plain), film)
    plain.rename(path)
    source = open_source(SourceOptions(str(path)))
    found = []
    while not source.is_over:
        frame = source.read(5.0)
        if frame is not None:
            found.append(round(float(frame.image_bgr.mean())))
    source.close()
    assert np.allclose(found, [0, 60, 120], atol=3)


def test_a_picture_larger_than_any_is_not_taken_into_memory(tmp_path: Path) -> None:
    path = tmp_path / "a.bmp"
    with path.open("wb") as file:
        file.truncate(9 * 100_000_000)
    source = open_source(SourceOptions(str(path)))
    with pytest.raises(SourceError, match="1 of 1 pictures could not be read"):
        while not source.is_over:
            source.read(5.0)
    source.close()
