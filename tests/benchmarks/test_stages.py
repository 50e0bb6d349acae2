"""The loop's stages are measured on people: a picture with nobody in it costs half as much."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.loop.stages import OfTheGpu, OnePerson, run_on_kept_frames
from steadypose.engines.backends.fake_engine import FakeEngine
from steadypose.engines.model_file import read_spec
from steadypose.realtime.model.places import DEFAULT_MODEL


@pytest.mark.parametrize("way", ["cpu", "gpu", "free"])
def test_somebody_is_followed_in_every_frame_whoever_cuts_the_crops(way: str) -> None:
    spec = read_spec(DEFAULT_MODEL)
    engine = OfTheGpu(spec) if way == "gpu" else OnePerson(spec)
    found = run_on_kept_frames(engine, (360, 640), frames=60, has_free_crops=way == "free")
    assert found["followed"] >= 0.9
    assert found["tracks"] == pytest.approx(1, abs=0.1)


def test_nobody_is_told_as_that() -> None:
    spec = read_spec(DEFAULT_MODEL)
    blind = FakeEngine(
        spec, answer=lambda crops: np.zeros((len(crops), spec.output_rows, 3), np.float32)
    )
    assert run_on_kept_frames(blind, (360, 640), frames=30)["followed"] == 0
