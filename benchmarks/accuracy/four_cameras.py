"""A man seen by four cameras at once: held-out pictures that anybody may have.

    pip download --no-deps pose2sim==0.10.49

The wheel carries Pose2Sim's demo (BSD-3): videos and the calibration of the four cameras. The
labels in four_cameras.json are the 12 limb joints in 16 frames of each: MoveNet Thunder's
places of all four views, triangulated (outliers beyond 40 pixels left out, at least three views
each), projected back into every view and looked at. Where one view misleads a network, the others
correct the label, as for the back that two of the cameras see.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import TypedDict

import av
import numpy as np
from numpy.typing import NDArray

from steadypose.engines.errors import SourceError
from steadypose.engines.skeletons.people import COCO17
from training.examples.sample import Label, Sample

LABELS = Path(__file__).with_suffix(".json")
_VIDEO = "Pose2Sim/Demo_SinglePerson/videos/cam{:02d}.mp4"
_FIRST_LIMB = 5  # after the face
_MARGIN = 0.5  # of the box: more than a crop takes


class Row(TypedDict):
    """A labelled picture, pixels of the whole frame.

    Attributes:
        camera: 1 to 4.
        frame: Of its video, from 0.
        bbox: x1, y1, x2, y2, head included.
        keypoints: x, y of the limb joints in COCO's order; None: the views did not agree.
    """

    camera: int
    frame: int
    bbox: tuple[float, float, float, float]
    keypoints: list[tuple[float, float] | None]


class FourCameras:
    """The labelled frames of the wheel's videos.

    Args:
        wheel: The wheel, a zip file.

    Raises:
        SourceError: It is not that wheel.
    """

    name = "four_cameras"
    skeleton = COCO17

    def __init__(self, wheel: Path) -> None:
        rows: list[Row] = json.loads(LABELS.read_text(encoding="utf-8"))
        videos = _read(wheel, sorted({row["camera"] for row in rows}))
        self._samples = [_cut_out(row, videos[row["camera"]][row["frame"]]) for row in rows]

    def __len__(self) -> int:
        return len(self._samples)

    def labels(self) -> Iterator[Label]:
        """Every row's."""
        for made in self._samples:
            size = (made.image_bgr.shape[0], made.image_bgr.shape[1])
            yield Label(made.name, None, size, made.xy, made.is_known, made.bbox)

    def sample(self, row: int) -> Sample:
        """The man and what is around him, pixels of that cutting."""
        return self._samples[row]


def _read(wheel: Path, cameras: list[int]) -> dict[int, list[NDArray[np.uint8]]]:
    try:
        with zipfile.ZipFile(wheel) as archive:
            return {camera: _decode(archive.read(_VIDEO.format(camera))) for camera in cameras}
    except (OSError, KeyError, zipfile.BadZipFile, av.FFmpegError) as error:
        raise SourceError(
            f"{wheel} is not the wheel of Pose2Sim: {error}",
            fix="pip download --no-deps pose2sim==0.10.49",
        ) from error


def _decode(video: bytes) -> list[NDArray[np.uint8]]:
    with av.open(io.BytesIO(video)) as container:
        return [frame.to_ndarray(format="bgr24") for frame in container.decode(video=0)]


def _cut_out(row: Row, image: NDArray[np.uint8]) -> Sample:
    """A row of the labels with its part of the picture, which alone stays in memory."""
    bbox = np.array(row["bbox"], np.float32)
    height, width = image.shape[:2]
    margin = _MARGIN * max(bbox[2:] - bbox[:2])
    x1, y1 = np.maximum(bbox[:2] - margin, 0).astype(int)
    x2, y2 = np.minimum(bbox[2:] + margin, (width, height)).astype(int)
    xy = np.full((len(COCO17), 2), np.nan, np.float32)
    for keypoint, place in enumerate(row["keypoints"], start=_FIRST_LIMB):
        if place is not None:
            xy[keypoint] = place
    is_known = np.isfinite(xy[:, 0]) & np.isfinite(xy[:, 1])
    corner = np.array([x1, y1], np.float32)
    name = f"camera {row['camera']}, frame {row['frame']}"
    part = image[y1:y2, x1:x2].copy()
    return Sample(name, part, xy - corner, is_known, is_known, bbox - np.tile(corner, 2))
