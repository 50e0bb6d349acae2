"""GStreamer pipelines, for an OpenCV that was built with it: the CSI cameras of a Jetson, say."""

from __future__ import annotations

import re
from collections.abc import Callable

import cv2

from steadypose.engines.errors import SourceError
from steadypose.realtime.sources.address import outline
from steadypose.realtime.sources.capture.device import CvDevice, quiet
from steadypose.realtime.sources.capture.mode import CameraMode, fps_of, granted

_SAYS_BGR = re.compile(r"format\s*=\s*(\(string\)\s*)?BGR\b")
_AS_BGR = "videoconvert ! video/x-raw,format=BGR"


def pipeline_opener(pipeline: str) -> Callable[[], CvDevice]:
    """A function that starts this pipeline, now and after each loss.

    Args:
        pipeline: As ``gst-launch-1.0`` takes it, ending in ``appsink``. Where it does not say so
            itself, pictures are converted to BGR at its end.
    """

    def open_pipeline() -> CvDevice:
        if not cv2.videoio_registry.hasBackend(cv2.CAP_GSTREAMER):
            raise SourceError(
                "the installed OpenCV cannot run GStreamer pipelines; pip's never can",
                fix="put one that can before it (JetPack and Debian's python3-opencv have one), "
                "or give the camera or address itself",
            )
        with quiet():
            capture = cv2.VideoCapture(as_bgr(pipeline), cv2.CAP_GSTREAMER)
        if not capture.isOpened():
            capture.release()
            raise SourceError(
                f"the GStreamer pipeline {outline(pipeline)} does not start",
                fix="try it with fakesink instead of appsink: gst-launch-1.0 says what is wrong",
            )
        label = f"{outline(pipeline)}, {granted(capture, CameraMode())}"
        return CvDevice(capture, label, fps_of(capture))

    return open_pipeline


def as_bgr(pipeline: str) -> str:
    """The pipeline, whose pictures are converted to BGR at the end unless it says how."""
    if _SAYS_BGR.search(pipeline):
        return pipeline
    elements, _, sink = pipeline.rpartition("!")
    return f"{elements}! {_AS_BGR} !{sink}"
