"""The held-out man whom four cameras see."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import av
import numpy as np
import pytest

from benchmarks.accuracy import four_cameras
from benchmarks.accuracy.four_cameras import LABELS, FourCameras
from steadypose.engines.errors import SourceError

PLACE = (130, 96)


@pytest.fixture
def wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A wheel with one camera's video, white where its only labelled joint is."""
    frames = [np.zeros((240, 320, 3), np.uint8) for _ in range(3)]
    x, y = PLACE
    frames[1][y - 6 : y + 7, x - 6 : x + 7] = 255
    with av.open(str(tmp_path / "cam.mp4"), "w") as target:
        stream = target.add_stream("libx264", rate=30)
        stream.width, stream.height, stream.pix_fmt = (320, 240, "yuv420p")
        for frame in frames:
            target.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="bgr24")))
        target.mux(stream.encode())
    path = tmp_path / "p.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.write(tmp_path / "cam.mp4", "Pose2Sim/Demo_SinglePerson/videos/cam02.mp4")
    joints = [None, PLACE, *[None] * 10]
    rows = [{"camera": 2, "frame": 1, "bbox": [100, 60, 180, 160], "keypoints": joints}]
    labels = tmp_path / "labels.json"
    labels.write_text(json.dumps(rows), encoding="utf-8")
    monkeypatch.setattr(four_cameras, "LABELS", labels)
    return path


def test_a_label_lies_where_its_joint_is_in_the_cutting(wheel: Path) -> None:
    dataset = FourCameras(wheel)
    assert len(dataset) == 1
    sample = dataset.sample(0)
    (joint,) = np.flatnonzero(sample.is_counted)
    assert dataset.skeleton.keypoints[joint] == "right_shoulder"
    x, y = sample.xy[joint].astype(int)
    assert sample.image_bgr[y, x].min() > 200
    assert sample.image_bgr[y, x + 20].max() < 60
    np.testing.assert_array_equal(sample.bbox, (50, 50, 130, 150))
    (label,) = dataset.labels()
    assert label.image_hw == sample.image_bgr.shape[:2] == (200, 180)


def test_another_wheel_is_said(tmp_path: Path) -> None:
    other = tmp_path / "other.whl"
    with zipfile.ZipFile(other, "w") as archive:
        archive.writestr("a.txt", "a")
    for path in (other, Path(__file__)):
        with pytest.raises(SourceError, match="not the wheel of Pose2Sim"):
            FourCameras(path)


def test_every_label_is_inside_its_box() -> None:
    rows = json.loads(LABELS.read_text(encoding="utf-8"))
    assert [sum(row["camera"] == camera for row in rows) for camera in (1, 2, 3, 4)] == [16] * 4
    for row in rows:
        places = np.array([place for place in row["keypoints"] if place is not None])
        assert len(places) >= 11
        x1, y1, x2, y2 = row["bbox"]
        assert (places >= (x1 - 1, y1 - 1)).all()
        assert (places <= (x2 + 1, y2 + 1)).all()
