"""GStreamer pipelines as a source: told from files, started, converted, and never shown whole."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest

from steadypose.engines.errors import SourceError
from steadypose.realtime.sources.address import outline, shown_option, spelled_out
from steadypose.realtime.sources.capture import gstreamer
from steadypose.realtime.sources.live import LiveSource
from steadypose.realtime.sources.opening import SourceOptions, is_camera, open_source

CSI = (
    "nvarguscamerasrc sensor-id=0 ! video/x-raw(memory:NVMM),width=1280 ! nvvidconv ! "
    "video/x-raw,format=BGRx ! appsink drop=true"
)
TEST = "videotestsrc num-buffers=5 ! video/x-raw,width=64,height=48,framerate=30/1 ! appsink"


class Pipelines:
    """An OpenCV that runs any pipeline whose first element it knows."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, is_built_in: bool = True) -> None:
        self.started: list[tuple[str, int]] = []
        self.released = 0
        registry = cv2.videoio_registry
        monkeypatch.setattr(
            registry, "hasBackend", lambda kind: is_built_in and kind == cv2.CAP_GSTREAMER
        )
        monkeypatch.setattr(cv2, "VideoCapture", self.start)

    def start(self, pipeline: str, backend: int) -> Any:
        self.started.append((pipeline, backend))
        outer = self

        class Capture:
            def isOpened(self) -> bool:  # noqa: N802
                return not pipeline.startswith("nosuch")

            def getBackendName(self) -> str:  # noqa: N802
                return "GSTREAMER"

            def get(self, prop: int) -> float:
                sizes = {cv2.CAP_PROP_FRAME_WIDTH: 64.0, cv2.CAP_PROP_FRAME_HEIGHT: 48.0}
                return {**sizes, cv2.CAP_PROP_FPS: 30.0}.get(prop, 0.0)

            def grab(self) -> bool:
                return True

            def retrieve(self) -> tuple[bool, Any]:
                return True, np.full((48, 64, 3), 7, np.uint8)

            def release(self) -> None:
                outer.released += 1

        return Capture()


def test_a_pipeline_is_a_camera_whose_pictures_are_converted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pipelines = Pipelines(monkeypatch)
    options = SourceOptions(CSI)
    assert is_camera(options)
    source = open_source(options)
    assert isinstance(source, LiveSource)
    elements = "nvarguscamerasrc ! video/x-raw(memory:NVMM) ! nvvidconv ! video/x-raw ! appsink"
    assert source.label == f"{elements}, 64x48, 30 fps"
    frame = source.read(5.0)
    source.close()
    assert frame is not None
    assert frame.image_bgr.shape == (48, 64, 3)
    (started,) = pipelines.started
    assert started == (
        CSI.replace("! appsink", "! videoconvert ! video/x-raw,format=BGR ! appsink"),
        cv2.CAP_GSTREAMER,
    )


@pytest.mark.parametrize("said", ["format=BGR", "format=(string)BGR", "format = BGR"])
def test_a_pipeline_that_converts_itself_stays_as_it_is(said: str) -> None:
    pipeline = f"v4l2src ! videoconvert ! video/x-raw, {said} ! appsink"
    assert gstreamer.as_bgr(pipeline) == pipeline


def test_one_that_does_not_start_is_a_sentence_and_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    pipelines = Pipelines(monkeypatch)
    with pytest.raises(SourceError, match="pipeline nosuch ! appsink does not start") as caught:
        open_source(SourceOptions("nosuch password=secret ! appsink"))
    assert pipelines.released == 1
    assert "gst-launch-1.0" in caught.value.fix
    assert "secret" not in str(caught.value)


def test_an_opencv_without_gstreamer_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    pipelines = Pipelines(monkeypatch, is_built_in=False)
    with pytest.raises(SourceError, match="cannot run GStreamer pipelines"):
        open_source(SourceOptions(CSI))
    assert pipelines.started == []


def test_a_pipeline_for_nobody_is_told_from_a_missing_file() -> None:
    with pytest.raises(SourceError, match="does not end in appsink") as caught:
        open_source(SourceOptions("rtspsrc user-pw=secret ! decodebin ! autovideosink"))
    assert "secret" not in str(caught.value)


def test_properties_are_never_shown_as_one_may_be_a_password(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pipeline = "rtspsrc location=rtsp://me:secret@cam user-pw=secret ! decodebin ! appsink"
    assert outline(pipeline) == "rtspsrc ! decodebin ! appsink"
    assert shown_option(pipeline) == "rtspsrc ! decodebin ! appsink"
    assert shown_option(f"--source={pipeline}") == "--source=rtspsrc ! decodebin ! appsink"
    assert "secret" not in outline("location=secret ! Secret! !rtsp://secret ! appsink")
    for quoted in ('user-pw="a ! hunter2 ! b"', "user-pw='a ! hunter2' x='! hunter2 !'"):
        assert "hunter2" not in outline(f"rtspsrc {quoted} ! decodebin ! appsink")
    monkeypatch.setenv("CAMERA", pipeline)
    assert spelled_out("env:CAMERA") == pipeline


@pytest.mark.skipif(
    not cv2.videoio_registry.hasBackend(cv2.CAP_GSTREAMER), reason="an OpenCV without GStreamer"
)
def test_a_real_pipeline_gives_its_pictures() -> None:
    source = open_source(SourceOptions(TEST))
    frame = source.read(10.0)
    source.close()
    assert frame is not None
    assert frame.image_bgr.shape == (48, 64, 3)
    assert frame.image_bgr.std() > 20
