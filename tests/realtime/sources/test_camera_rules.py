"""A camera opens as asked and tells the truth about time, by the rules of all four back ends."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import cv2
import numpy as np
import pytest

from steadypose.engines.errors import UsageError
from steadypose.realtime.model.places import ROOT
from steadypose.realtime.sources.camera import CameraMode, CvDevice, open_camera
from steadypose.realtime.sources.capture.mode import ask, granted, is_unread
from tests.support.cameras import (
    V4L2,
    AVFoundation,
    Camera,
    DirectShow,
    MediaFoundation,
    Mode,
)

ALL = (V4L2, DirectShow, MediaFoundation, AVFoundation)


def asked(kind: type[Camera], mode: CameraMode) -> tuple[Camera, str]:
    camera = kind()
    ask(camera, mode)  # type: ignore[arg-type]
    return camera, granted(camera, mode)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ALL)
def test_high_definition_comes_in_the_format_that_carries_it(kind: type[Camera]) -> None:
    camera, label = asked(kind, CameraMode(width=1280, height=720))
    assert (camera.mode.width, camera.mode.height) == (1280, 720)
    assert label.startswith("1280x720, ")
    assert "asked" not in label
    if kind in {V4L2, DirectShow}:
        assert camera.mode.letters == "MJPG"
        assert label.endswith(", MJPG")


def test_directshow_keeps_size_rate_and_format() -> None:
    camera, label = asked(DirectShow, CameraMode(1280, 720, 60.0, "MJPG"))
    assert label == "1280x720, 60 fps, MJPG"
    # Two of them are without the code, so only the last decides.
    assert camera.restarts == ["any 1280x720", "any 1280x720", "MJPG 1280x720"]


@pytest.mark.parametrize("kind", ALL)
def test_a_single_side_brings_the_other_in_the_same_aspect(kind: type[Camera]) -> None:
    for mode in (CameraMode(width=1280), CameraMode(height=960)):
        camera, label = asked(kind, mode)
        assert (camera.mode.width, camera.mode.height) == (1280, 960), label


def test_a_camera_that_names_no_size_yet_is_taken_for_an_old_one() -> None:
    class Unknown(V4L2):
        def get(self, prop: int) -> float:
            return -1.0 if not self.restarts else super().get(prop)

    camera, _ = asked(Unknown, CameraMode(width=1280))
    assert (camera.mode.width, camera.mode.height) == (1280, 960)


@pytest.mark.parametrize("kind", ALL)
def test_what_is_there_already_is_not_set(kind: type[Camera]) -> None:
    """Every restart costs up to a second."""
    camera = kind((Mode("MJPG", 640, 480), Mode("MJPG", 320, 240)))
    if isinstance(camera, V4L2):
        camera.buffers = 1
    ask(camera, CameraMode(640, 480))  # type: ignore[arg-type]
    ask(camera, CameraMode())  # type: ignore[arg-type]
    assert camera.restarts == []


def test_an_unknown_format_ends_with_a_sentence_where_it_would_end_the_camera(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    camera = DirectShow()
    monkeypatch.setattr(cv2, "VideoCapture", lambda *_: camera)
    monkeypatch.setattr("platform.system", lambda: "Windows")
    with pytest.raises(UsageError, match="--fourcc H265 is no format that DirectShow knows"):
        open_camera(0, CameraMode(fourcc="H265"))
    assert camera.is_released
    _, label = asked(V4L2, CameraMode(fourcc="H265"))
    assert label.endswith("(fourcc H265 asked, YUY2 granted)")


@pytest.mark.parametrize("kind", [MediaFoundation, AVFoundation])
def test_systems_that_choose_the_format_are_not_asked_for_one(kind: type[Camera]) -> None:
    camera, label = asked(kind, CameraMode(fourcc="MJPG"))
    assert camera.restarts == []
    assert label == "640x480, 30 fps (fourcc MJPG asked, the system chooses)"


@pytest.mark.parametrize("kind", ALL)
@pytest.mark.parametrize("hz", [30.0, 15.0])
def test_a_picture_has_the_time_at_which_it_came(kind: type[Camera], hz: float) -> None:
    camera = kind(hz=hz, first_s=0.3)
    device = CvDevice(camera, "the camera", hz)  # type: ignore[arg-type]
    taken = [device.read() for _ in range(7)]
    times = np.array([found[1] for found in taken if found is not None])
    # Medians: other programs may hold a single one up.
    assert np.median(np.abs(times - camera.taken_s)) < 5e-3
    assert np.median(np.diff(times)) == pytest.approx(1 / hz, abs=5e-3)
    assert times[1] - times[0] < 0.25, "the wait for the first, 0.3 s, lies before it"


def test_a_back_end_that_nobody_knows_is_taken_to_wait_in_either() -> None:
    class Other(DirectShow):
        backend = "OBSENSOR"

    camera = Other(hz=10.0)
    found = CvDevice(camera, "the camera", 10.0).read()  # type: ignore[arg-type]
    assert found is not None
    assert found[1] >= camera.taken_s[0]


def test_media_foundation_is_tried_where_directshow_refuses(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tried: list[int] = []

    def make(device: int, backend: int) -> Camera:
        assert device == 1
        tried.append(backend)
        camera: Camera = MediaFoundation()
        camera.is_released = backend == cv2.CAP_DSHOW
        return camera

    monkeypatch.setattr(cv2, "VideoCapture", make)
    monkeypatch.setattr("platform.system", lambda: "Windows")
    device = open_camera(1, CameraMode())
    assert tried == [cv2.CAP_DSHOW, cv2.CAP_MSMF]
    assert device.label == "camera 1, 640x480, 30 fps"


@pytest.mark.parametrize("first", ["steadypose.realtime.cli", "steadypose.api.frames"])
def test_media_foundations_switch_is_set_before_opencv_is_loaded(first: str) -> None:
    """Its library copies the environment when it is loaded."""
    code = (
        "import importlib.abc, os, sys\n"
        "class Seen(importlib.abc.MetaPathFinder):\n"
        "    def find_spec(self, name, *rest):\n"
        "        if name == 'cv2':\n"
        "            sys.exit('it was ' + os.environ.get(\n"
        "                'OPENCV_VIDEOIO_MSMF_ENABLE_HW_TRANSFORMS', 'unset'))\n"
        f"sys.meta_path.insert(0, Seen())\nimport {first}\n"
    )
    left = {k: v for k, v in os.environ.items() if not k.startswith("OPENCV_")}
    done = subprocess.run(
        [sys.executable, "-c", code],
        check=False,
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=left,
    )
    assert done.stderr.strip() == "it was 0"


def test_the_first_picture_does_not_stand_for_the_start_of_the_camera() -> None:
    """The second picture is one period later, however long the first took."""
    from steadypose.realtime.sources.live import LiveSource

    camera = DirectShow(hz=20.0, first_s=0.6)
    source = LiveSource(lambda: CvDevice(camera, "the camera", 20.0))  # type: ignore[arg-type]
    first = source.read(2.0)
    second = source.read(2.0)
    source.close()
    assert first is not None
    assert second is not None
    assert first.time_s == 0.0
    assert second.time_s < 0.2
    assert time.perf_counter() - second.captured_s < 1.0


@pytest.mark.parametrize(("kind", "is_refused"), [(V4L2, True), (AVFoundation, False)])
def test_only_where_opencv_decodes_itself_a_format_can_be_foreign_to_it(
    monkeypatch: pytest.MonkeyPatch, kind: type[Camera], *, is_refused: bool
) -> None:
    """Elsewhere the system hands over finished pictures, whatever its format is called."""
    camera = kind()
    camera.set(cv2.CAP_PROP_FOURCC, float(cv2.VideoWriter.fourcc(*"MJPG")))
    monkeypatch.setattr("steadypose.realtime.sources.capture.mode._letters", lambda _: "H265")
    assert is_unread(camera) is is_refused  # type: ignore[arg-type]
