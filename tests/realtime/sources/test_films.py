"""A film's times, its rate and its end, told by a capture that a test scripts."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import pytest

from steadypose.engines.errors import SourceError
from steadypose.realtime.sources.files import FileSource, play


class Film:
    """Gives a picture at each of some times, seconds."""

    def __init__(self, times_s: Sequence[float], *, fps: float = 25.0, counted: int = 0) -> None:
        self.times_s, self.given, self.is_released = list(times_s), 0, False
        self.says = {
            cv2.CAP_PROP_FPS: fps,
            cv2.CAP_PROP_FRAME_COUNT: float(counted),
            cv2.CAP_PROP_FRAME_WIDTH: 4.0,
            cv2.CAP_PROP_FRAME_HEIGHT: 2.0,
        }

    def set(self, _: int, __: float) -> None:
        pass

    def get(self, what: int) -> float:
        if what == cv2.CAP_PROP_POS_MSEC:
            return 1000.0 * self.times_s[self.given - 1]
        return self.says[what]

    def read(self) -> tuple[bool, object]:
        self.given += 1
        return self.given <= len(self.times_s), np.zeros((2, 4, 3), np.uint8)

    def release(self) -> None:
        self.is_released = True


def opened(film: Film, name: str = "film.mkv") -> FileSource:
    return play(film, name, is_paced=False)  # type: ignore[arg-type]


def times(source: FileSource) -> list[float]:
    """When each frame was, to the end."""
    found = []
    while not source.is_over:
        frame = source.read(5.0)
        if frame is not None:
            found.append(frame.time_s)
    source.close()
    return found


def test_every_frame_keeps_its_own_time() -> None:
    film = Film([0.0, 0.04, 0.1, 0.11])
    assert times(opened(film)) == pytest.approx([0.0, 0.04, 0.1, 0.11])
    assert film.is_released


def test_a_film_without_times_runs_at_its_rate_from_the_start() -> None:
    assert times(opened(Film([0.0] * 4))) == pytest.approx([0.0, 0.04, 0.08, 0.12])


def test_a_frame_whose_time_goes_back_comes_after_the_one_before() -> None:
    assert times(opened(Film([0.0, 1.0, 0.5, 2.0]))) == pytest.approx([0.0, 1.0, 1.04, 2.0])


@pytest.mark.parametrize(
    ("says", "taken"), [(0.0, 30.0), (0.15, 0.15), (0.06, 30.0), (750.0, 750.0), (1500.0, 30.0)]
)
def test_a_rate_that_no_film_has_is_taken_as_thirty(says: float, taken: float) -> None:
    source = opened(Film([0.0, 0.0], fps=says))
    assert source.fps == taken
    assert source.label == f"film.mkv, 4x2, {taken:g} fps"
    assert times(source) == pytest.approx([0.0, 1 / taken])


@pytest.mark.parametrize(("counted", "known"), [(1, 1), (0, None), (-1, None)])
def test_how_long_a_film_is_may_be_unknown(counted: int, known: int | None) -> None:
    source = opened(Film([0.0], counted=counted))
    assert source.frame_count == known
    source.close()


def test_a_film_without_a_picture_is_one_sentence() -> None:
    with pytest.raises(SourceError, match="not one frame can be decoded"):
        times(opened(Film([])))


@pytest.mark.parametrize(("given", "is_cut"), [(97, True), (98, False)])
def test_a_film_that_lists_its_frames_is_cut_short_where_three_are_missing(
    given: int, *, is_cut: bool
) -> None:
    film = Film([n / 25 for n in range(99)] + [60.0], counted=100)  # its times say nothing
    del film.times_s[given - 1 : -1]
    if is_cut:
        with pytest.raises(SourceError, match=f"ends after {given} of 100 frames"):
            times(opened(film, "film.MP4"))
    else:
        assert len(times(opened(film, "film.MP4"))) == given


@pytest.mark.parametrize(("last_s", "is_cut"), [(3.70, True), (3.76, False)])
def test_where_the_count_is_an_estimate_a_film_is_cut_short_when_its_time_is(
    last_s: float, *, is_cut: bool
) -> None:
    film = Film([0.0, last_s], counted=100)  # four seconds
    if is_cut:
        with pytest.raises(SourceError, match="ends after 2 of 100 frames"):
            times(opened(film))
    else:
        assert len(times(opened(film))) == 2
