"""What is done to pixels on the device is what OpenCV does, and as often."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.training.resident.cut import sheet
from training.examples.augment import Augment
from training.examples.disturb import disturb, smear_kernel

pytestmark = pytest.mark.export
torch: Any = pytest.importorskip("torch")

CPU = torch.device("cpu")
SIZE = (96, 64)
OFF = Augment(occluder=0, blur=0, jpeg=0, colour=0, grey=0, noise=0)


def crops(count: int, *, seed: int = 0) -> NDArray[np.uint8]:
    rng, whole = np.random.default_rng(seed), sheet()
    h, w = SIZE
    ends = (whole.shape[0] - h, whole.shape[1] - w)
    corners = zip(*(rng.integers(0, end, count) for end in ends), strict=True)
    return np.stack([whole[y : y + h, x : x + w] for y, x in corners])


def floats(images: NDArray[np.uint8]) -> Any:
    return torch.from_numpy(images).to(torch.float32)


@pytest.mark.parametrize("small", [20, 25, 31, 44, 51])
def test_shrinking_and_enlarging_is_one_product(small: int) -> None:
    from training.examples.resident.blurring import shrinking

    image = crops(1)[0]
    h, w = SIZE
    high = small * h // w
    shrunk = cv2.resize(image.astype(np.float32), (small, high), interpolation=cv2.INTER_AREA)
    theirs = cv2.resize(shrunk, (w, h), interpolation=cv2.INTER_LINEAR)
    ours = np.einsum("yi,xj,ijc->yxc", shrinking(h, high), shrinking(w, small), image)
    np.testing.assert_allclose(ours, theirs, atol=0.05)


def test_blurred_crops_are_shrunk_or_smeared_as_by_opencv() -> None:
    from training.examples.resident.blurring import Blurs

    before = crops(60)
    after = floats(before)
    Blurs(SIZE, CPU).blur(after, Augment(blur=1.0), np.random.default_rng(0))
    h, w = SIZE
    kinds = {"shrunk": 0, "smeared": 0}
    for image, found in zip(before, after.numpy(), strict=True):
        small = [
            cv2.resize(image, (s, s * h // w), interpolation=cv2.INTER_AREA) for s in range(22, 52)
        ]
        shrunk = [cv2.resize(v, (w, h), interpolation=cv2.INTER_LINEAR) for v in small]
        turns = [n * math.pi / 64 for n in range(64)]
        smeared = [cv2.filter2D(image, -1, smear_kernel(3, turn)) for turn in turns]
        apart = {
            name: min(float(np.abs(found - v).max()) for v in some)
            for name, some in (("shrunk", shrunk), ("smeared", smeared))
        }
        name = min(apart, key=lambda key: apart[key])
        assert apart[name] <= 1, apart
        kinds[name] += 1
    assert 24 <= kinds["shrunk"] <= 48  # 0.6 of 60


@pytest.mark.parametrize("quality", [12, 35, 59])
def test_compression_loses_what_a_jpeg_file_loses(quality: int) -> None:
    from training.examples.resident.jpeg import Jpeg

    before = crops(6)
    after = Jpeg(CPU).compress(floats(before), torch.full((6,), float(quality))).numpy()
    for image, found in zip(before, after, strict=True):
        _, data = cv2.imencode(".jpg", image, (cv2.IMWRITE_JPEG_QUALITY, quality))
        theirs = cv2.imdecode(data, cv2.IMREAD_COLOR)
        assert theirs is not None
        lost = [np.abs(v.astype(float) - image).mean() for v in (found, theirs)]
        assert lost[0] == pytest.approx(lost[1], rel=0.1)
        assert np.abs(found - theirs).mean() < 1.5


def test_compression_takes_any_size() -> None:
    from training.examples.resident.jpeg import Jpeg

    odd = floats(crops(2)[:, :90, :58])
    found = Jpeg(CPU).compress(odd, torch.tensor([90.0, 95.0]))
    assert found.shape == odd.shape
    assert (found - odd).abs().mean() < 3


def disturbed(count: int, augment: Augment) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The same crops disturbed on the device and by OpenCV."""
    from training.examples.resident.blurring import Blurs
    from training.examples.resident.colours import cover, draw_colours, recolour
    from training.examples.resident.jpeg import Jpeg

    before = crops(count)
    rng = np.random.default_rng(5)
    colours = draw_colours(count, augment, rng)
    ours = floats(before)
    cover(ours, colours, augment, rng)
    Blurs(SIZE, CPU).blur(ours, augment, rng)
    ours = recolour(ours, colours, torch.Generator().manual_seed(1))
    Jpeg(CPU).disturb(ours, augment, rng)
    theirs: list[NDArray[np.uint8]] = []
    for image in before:
        other = theirs[int(rng.integers(len(theirs)))] if theirs else image.copy()
        theirs.append(disturb(image.copy(), other, augment, rng))
    return ours.numpy().astype(float), np.stack(theirs).astype(float)


def test_without_augmentation_pixels_stay() -> None:
    ours, theirs = disturbed(8, OFF)
    np.testing.assert_array_equal(ours, theirs)
    np.testing.assert_array_equal(ours, crops(8))


def is_grey(images: NDArray[np.float64]) -> NDArray[np.bool_]:
    return np.asarray(np.ptp(images, axis=3).max(axis=(1, 2)) == 0)


def changed_part(images: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray((images != crops(len(images))).any(axis=3).mean(axis=(1, 2)))


def test_colours_are_as_far_apart_as_by_opencv() -> None:
    ours, theirs = disturbed(900, replace(OFF, colour=1.0, grey=0.3))
    assert is_grey(ours).mean() == pytest.approx(0.3, abs=0.05)
    assert is_grey(theirs).mean() == pytest.approx(0.3, abs=0.05)
    for axes in ((1, 2, 3), (1, 2)):
        a, b = (images.mean(axis=axes) for images in (ours, theirs))
        assert a.mean() == pytest.approx(b.mean(), abs=4)
        assert a.std() == pytest.approx(b.std(), rel=0.1)
    a, b = ((v[..., 0] - v[..., 2]).mean(axis=(1, 2)).std() for v in (ours, theirs))
    assert a == pytest.approx(b, rel=0.15)


def test_noise_is_as_strong_and_as_often_as_by_opencv() -> None:
    ours, theirs = disturbed(500, replace(OFF, noise=0.4))
    rest = [v - crops(500) for v in (ours, theirs)]
    noisy = [np.abs(v).max(axis=(1, 2, 3)) > 0 for v in rest]
    assert noisy[0].mean() == pytest.approx(0.4, abs=0.07)
    a, b = (v[n].std(axis=(1, 2, 3)) for v, n in zip(rest, noisy, strict=True))
    np.testing.assert_allclose(np.quantile(a, [0.1, 0.5, 0.9]), np.quantile(b, [0.1, 0.5, 0.9]),
                               atol=1.2)  # fmt: skip


def test_as_much_is_covered_as_by_opencv() -> None:
    ours, theirs = (changed_part(v) for v in disturbed(900, replace(OFF, occluder=0.5)))
    assert (ours > 0).mean() == pytest.approx(0.5, abs=0.06)
    assert (theirs > 0).mean() == pytest.approx(0.5, abs=0.06)
    assert ours[ours > 0].mean() == pytest.approx(theirs[theirs > 0].mean(), abs=0.01)
    assert ours.max() <= 0.45**2 + 1e-9


def test_what_covers_a_crop_is_a_piece_of_one_before_it() -> None:
    from training.examples.resident.colours import cover, draw_colours

    images = np.stack([np.full((*SIZE, 3), 10 * n, np.uint8) for n in range(1, 21)])
    rng = np.random.default_rng(0)
    after = floats(images)
    cover(after, draw_colours(20, OFF, rng), replace(OFF, occluder=1.0), rng)
    covered = []
    for n, found in enumerate(after.numpy()):
        levels = set(np.unique(found)) - {10.0 * (n + 1)}
        assert len(levels) <= 1
        assert all(level < 10 * (n + 1) for level in levels)
        is_covered = (found != 10 * (n + 1)).any(axis=2)
        if levels:
            covered.append(n)
            rows, columns = np.flatnonzero(is_covered.any(1)), np.flatnonzero(is_covered.any(0))
            assert is_covered[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].all()
    assert covered == list(range(1, 20))  # before the first there is none
