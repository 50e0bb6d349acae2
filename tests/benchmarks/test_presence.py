"""The scenes of benchmarks/presence: the same each time, empty until somebody comes in."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from benchmarks.presence import __main__ as presence
from benchmarks.presence.entrances import ENTERS_S, ENTRANCES, entrance
from benchmarks.presence.scenes import (
    FPS,
    SIZES_HW,
    Camera,
    emptied_scene,
    noise_scene,
    plain_scene,
    poster_scene,
    room_scene,
    without_people,
)
from benchmarks.presence.watch import confirmed_at
from steadypose.engines.backends.fake_engine import FakeEngine
from steadypose.engines.errors import SourceError
from steadypose.engines.registry import Opened
from steadypose.realtime.datatypes import Frame

KINDS = (room_scene, poster_scene, noise_scene, plain_scene)
LAST_EMPTY = int(ENTERS_S * FPS)


@pytest.mark.parametrize("make", KINDS)
@pytest.mark.parametrize("seed", [0, 3])
def test_an_empty_scene_is_a_function_of_seed_and_frame(
    make: Callable[[int], Camera], seed: int
) -> None:
    scene, again = make(seed), make(seed)
    second = scene.draw(1)
    Frame(second, 1, 1 / FPS, 0.0)  # checks shape and type
    assert second.shape[:2] == scene.size_hw
    assert scene.size_hw in SIZES_HW
    assert np.array_equal(again.draw(1), second)
    assert not np.array_equal(scene.draw(2), second)


@pytest.mark.parametrize("make", KINDS)
def test_another_seed_is_another_scene(make: Callable[[int], Camera]) -> None:
    one, other = make(0), make(1)
    assert one.size_hw != other.size_hw or not np.array_equal(one.draw(0), other.draw(0))


def test_noise_keeps_the_light() -> None:
    image = np.full((40, 60, 3), 100, np.uint8)
    camera = Camera(image, (40, 60), seed=1, noise=8.0)
    difference = camera.expose(image, 5).astype(float) - image
    assert abs(difference.mean()) < 1.0
    assert 6.0 < difference.std() < 10.0


@pytest.mark.parametrize("number", [*range(0, ENTRANCES, 5), 17, ENTRANCES - 1])
def test_a_person_is_absent_and_then_comes_in(number: int) -> None:
    scene = entrance(number)
    height, width = scene.camera.size_hw
    for index in (0, LAST_EMPTY):
        room = scene.camera.draw(index)
        assert np.array_equal(scene.draw(index), room), "something of the person is seen"
        assert not scene.is_visible(index)
    later = LAST_EMPTY + int(1.5 * FPS)
    assert all(scene.is_visible(index) for index in range(later, later + 90))
    assert np.mean(scene.draw(later) != scene.camera.draw(later)) > 0.1 * scene.size**2 * 0.15
    x, y = scene.truth(later).mean(axis=0)
    assert 0 < x < width
    assert 0 < y < height


def test_entrances_differ_in_way_and_size() -> None:
    made = [entrance(number) for number in (0, 1, 2, ENTRANCES - 1)]
    assert [scene.way for scene in made[:3]] == ["left", "right", "below"]
    assert made[0].size == pytest.approx(0.25)
    assert made[-1].size == pytest.approx(1.10)
    assert np.array_equal(entrance(2).draw(80), made[2].draw(80))


def test_the_median_of_a_video_has_no_passer_by(tmp_path: Path) -> None:
    path = tmp_path / "street.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 30, (96, 64))
    for index in range(80):
        image = np.full((64, 96, 3), 90, np.uint8)
        image[10:60, index : index + 12] = 220
        writer.write(image)
    writer.release()
    empty = without_people(path)
    assert empty.shape == (64, 96, 3)
    assert np.abs(empty.astype(int) - 90).max() < 12
    scene = emptied_scene(empty, 1)
    assert scene.draw(0).shape == empty.shape
    assert np.array_equal(scene.draw(7), emptied_scene(empty, 1).draw(7))


def test_a_file_without_frames_is_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "note.mp4"
    path.write_text("no video")
    with pytest.raises(SourceError, match="cannot be read"):
        without_people(path)


class Breaking:
    """A source that ends with an error."""

    is_over = False
    is_closed = False

    def read(self, _: float) -> Frame:
        raise SourceError("the disk is gone", fix="another disk")

    def close(self) -> None:
        self.is_closed = True


def test_a_video_that_breaks_off_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    source = Breaking()
    monkeypatch.setattr("benchmarks.common.open_source", lambda _: source)
    with pytest.raises(SourceError):
        confirmed_at(FakeEngine(), Path("x.mp4"), 1)
    assert source.is_closed


def test_a_benchmark_that_breaks_off_closes_its_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    class Closing(FakeEngine):
        is_closed = False

        def close(self) -> None:
            self.is_closed = True

    def broken(*_: Any) -> None:
        raise SourceError("the disk is gone", fix="another disk")

    engine = Closing()
    monkeypatch.setattr(presence, "open_engine", lambda *_, **__: Opened(engine))
    monkeypatch.setattr(presence, "empty_tables", broken)
    monkeypatch.setattr("sys.argv", ["presence"])
    with pytest.raises(SourceError):
        presence.main()
    assert engine.is_closed
