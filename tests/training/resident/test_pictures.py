"""Pictures on the device are whole, and crops of them are those that OpenCV cuts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from steadypose.engines.errors import SourceError, UsageError
from steadypose.engines.skeletons.people import COCO17
from tests.training.resident.cut import CutOut
from training.examples.augment import Augment, Placement, halve, warp
from training.examples.resident.placing import mirrored, place_people
from training.examples.sample import Label, Sample, usable_from

pytestmark = pytest.mark.export
torch: Any = pytest.importorskip("torch")

CPU = torch.device("cpu")


def load(*datasets: CutOut) -> Any:
    from training.examples.resident.pictures import load_pictures

    return load_pictures(datasets, CPU)


def test_every_picture_and_its_halves_lie_in_one_buffer() -> None:
    data = CutOut(count=5)
    pictures = load(data)
    for row in range(5):
        image = data.sample(row).image_bgr
        for level in range(pictures.starts.shape[1]):
            start, (h, w) = int(pictures.starts[row, level]), pictures.sizes_hw[row, level]
            kept = pictures.pixels[start : start + int(h * w)].view(int(h), int(w), 3)
            np.testing.assert_array_equal(kept.numpy(), image)
            image = halve(image) if max(h, w) > 1 else image
    pixels = sum(np.prod(data.sample(row).image_bgr.shape[:2]) for row in range(5))
    assert pixels < len(pictures.pixels) < 1.34 * pixels
    assert pictures.gigabytes == pytest.approx(len(pictures.pixels) * 3 / 1e9)


def test_a_picture_of_several_people_is_kept_once() -> None:
    once, twice = load(CutOut(count=4)), load(CutOut(count=4), CutOut(count=3))
    assert len(twice.pixels) == len(once.pixels)
    assert [len(rows) for rows in twice.rows] == [4, 3]
    np.testing.assert_array_equal(twice.starts[twice.rows[1]], once.starts[:3])


def test_a_person_without_labels_is_the_next_one_as_on_the_host() -> None:
    data = CutOut(count=6, lost=(1, 2, 5))
    pictures = load(data)
    for row in range(6):
        theirs = usable_from(data, row)
        np.testing.assert_allclose(pictures.people.xy[pictures.rows[0][row]], theirs.xy)
    with pytest.raises(SourceError, match="no person with a usable label"):
        load(CutOut(count=2, lost=(0, 1)))


@pytest.mark.parametrize("error", [RuntimeError("cannot allocate memory"), MemoryError()])
def test_too_little_memory_is_a_sentence(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def empty(*_: Any, **__: Any) -> Any:
        raise error

    monkeypatch.setattr(torch, "empty", empty)
    with pytest.raises(UsageError, match=r"0\.0 GB of pictures do not fit on the device cpu"):
        load(CutOut(count=2))


def test_too_little_memory_of_the_host_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> Any:
        raise MemoryError

    data = CutOut(count=2)
    monkeypatch.setattr(data, "sample", full)
    with pytest.raises(UsageError, match="do not fit in the host's memory"):
        load(data)


class Watched(CutOut):
    """Remembers the rows that were decoded."""

    def __init__(self, *, count: int, lost: tuple[int, ...] = ()) -> None:
        super().__init__(count=count, lost=lost)
        self.decoded: list[int] = []

    def sample(self, row: int) -> Sample:
        self.decoded.append(row)
        return super().sample(row)


def labelled(size_hw: tuple[int, int] | None, picture: str) -> Label:
    xy, is_known = np.zeros((17, 2), np.float32), np.ones(17, np.bool_)
    return Label("", Path(picture), size_hw, xy, is_known, None)


def test_too_many_pictures_for_a_gpu_are_refused_before_they_are_decoded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from training.examples.resident import pictures

    data, room = Watched(count=3), 2 * 1000 * 1000 * 3
    monkeypatch.setattr(pictures, "_memory_of", lambda _: room)
    found = [labelled((1000, 1000), name) for name in ("a", "a", "b")]
    monkeypatch.setattr(data, "labels", lambda: iter([*found, labelled(None, "c")]))
    assert len(load(data).starts) == 3  # no more than fit: a picture counts once
    monkeypatch.setattr(data, "labels", lambda: iter([*found, labelled((1, 1), "c")]))
    data.decoded.clear()
    with pytest.raises(UsageError, match=r"0\.0 GB of pictures do not fit on the device cpu, and"):
        load(data)
    assert not data.decoded


def test_too_many_pictures_for_a_gpu_are_refused_while_they_are_decoded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from training.examples.resident import pictures

    data = Watched(count=20)
    monkeypatch.setattr(pictures, "_memory_of", lambda _: 3 * 300 * 300 * 3)
    with pytest.raises(UsageError, match="do not fit on the device cpu, and there are more"):
        load(data)
    assert 2 <= len(data.decoded) < 12


@pytest.mark.parametrize("row", [0, 3])
def test_decoding_ends_before_the_next_picture(row: int) -> None:
    from training.examples.resident.pictures import load_pictures

    asked = iter(range(100))
    data = Watched(count=6, lost=(0,))
    assert load_pictures([data, CutOut(count=2)], CPU, lambda: next(asked) >= row) is None
    assert data.decoded == list(range(row))


def test_other_errors_stay_what_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    def empty(*_: Any, **__: Any) -> Any:
        raise RuntimeError("illegal address")

    monkeypatch.setattr(torch, "empty", empty)
    with pytest.raises(RuntimeError, match="illegal address"):
        load(CutOut(count=2))


@pytest.mark.parametrize("size_hw", [(192, 160), (64, 48), (32, 32)])
def test_crops_are_those_that_opencv_cuts(size_hw: tuple[int, int]) -> None:
    from training.examples.resident.warping import warp_all

    data = CutOut(count=24)
    pictures = load(data)
    rows = np.arange(24)[::-1]
    people = pictures.people.of(rows)
    placed = place_people(
        people, COCO17, size_hw=size_hw, padding=1.25, augment=Augment(flip=0.5),
        rng=np.random.default_rng(2),
    )  # fmt: skip
    crops = warp_all(pictures, rows, placed, size_hw=size_hw)
    assert (crops.dtype, tuple(crops.shape)) == (torch.uint8, (24, *size_hw, 3))
    points = mirrored(placed.to_crops(people.xy), placed.is_flipped, COCO17.flip_order)
    for n, row in enumerate(rows):
        one = Placement(
            placed.linear[n], placed.offset[n], placed.scale[n], bool(placed.is_flipped[n])
        )
        crop, xy, _ = warp(data.sample(int(row)), one, COCO17, size_hw=size_hw)
        np.testing.assert_allclose(points[n], xy, atol=0.05)
        apart = np.abs(crops[n].numpy().astype(int) - crop.astype(int))
        # OpenCV 4 has 32 steps between two pixels; OpenCV 5's crops are the same to a level.
        assert apart.mean() < 1
        assert np.quantile(apart, 0.98) <= 3
