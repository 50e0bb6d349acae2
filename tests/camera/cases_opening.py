"""Which cameras are offered, by what names they open, and what they grant."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import cv2
import numpy as np
import pytest

from steadypose.engines.errors import SourceError, UsageError
from steadypose.realtime.sources.camera import CameraMode
from steadypose.realtime.sources.capture.listing import list_cameras
from tests.camera import vivid
from tests.camera.app import RUN, frames_of, opened, options_of

vivid.load()
# What the camera calls them; of each kind OpenCV reads some.
CODES = vivid.formats()
BARS_BGR = [  # of the driver's first pattern, at 75 %
    *((191, 191, 191), (0, 191, 191), (191, 191, 0), (0, 191, 0)),
    *((191, 0, 191), (0, 0, 191), (191, 0, 0), (0, 0, 0)),
]


def by_number() -> str:
    return vivid.node_of(vivid.FIRST).name.removeprefix("video")


def test_only_nodes_that_give_pictures_are_offered() -> None:
    assert [one.name for one in list_cameras()] == [vivid.FIRST, vivid.SECOND]
    assert len(list(Path("/dev").glob("video*"))) > 4, "outputs and metadata are beside them"


def test_it_opens_by_its_number() -> None:
    source = opened(by_number())
    assert source.label.startswith(f"camera {by_number()}, 640x480")
    assert len(frames_of(source, 3)) == 3
    source.close()


def test_it_opens_by_its_path() -> None:
    source = opened(vivid.node_of(vivid.SECOND))
    assert frames_of(source, 1)[0].image_bgr.shape == (480, 640, 3)
    source.close()


def test_it_opens_by_the_name_that_stays() -> None:
    link = Path("/dev/v4l/by-id/usb-Vivid_Camera-video-index0")
    link.parent.mkdir(parents=True, exist_ok=True)
    link.unlink(missing_ok=True)
    link.symlink_to(vivid.node_of(vivid.SECOND))
    assert str(link) in [one.path for one in list_cameras()]
    source = opened(link)
    assert frames_of(source, 1)
    source.close()
    link.unlink()


@pytest.mark.parametrize("name", [vivid.SECOND, vivid.SECOND.upper(), "001-vid"])
def test_it_opens_by_its_card_name(name: str) -> None:
    source = opened(name, is_camera_name=True)
    assert f"({name})" in source.label
    source.close()


def test_a_name_that_fits_both_is_a_sentence_with_both() -> None:
    with pytest.raises(UsageError, match="fits 2 cameras"):
        opened("vivid", is_camera_name=True)


@pytest.mark.parametrize(
    "name", ["vivid-000-vid-out", "vivid-000-meta-cap", "vivid-000-meta-out", "vivid-000-vbi-cap"]
)
def test_a_node_of_another_kind_is_a_sentence(name: str) -> None:
    with pytest.raises(SourceError, match="gives no pictures"):
        opened(vivid.node_of(name))


@pytest.mark.parametrize("code", CODES)
def test_every_format_is_granted_with_true_colours_or_refused_in_a_sentence(code: str) -> None:
    try:
        source = opened(by_number(), mode=CameraMode(fourcc=code))
    except UsageError as error:
        said = error.what
    else:
        said = ""
    if said:
        assert said == f"the camera has the format {code}, but OpenCV does not read it"
        assert code not in {"YUYV", "NV12", "YU12", "BGR3", "RGB3", "GREY"}
        return
    image = frames_of(source, 2)[1].image_bgr
    source.close()
    assert image.shape == (480, 640, 3)
    assert image.dtype == np.uint8
    places = [image[300:310, 40 + 80 * bar - 8 : 40 + 80 * bar + 8] for bar in range(8)]
    found = np.array([np.median(place.reshape(-1, 3), axis=0) for place in places])
    wanted = np.array(BARS_BGR, float)
    if code.startswith(("GREY", "Y1")):
        wanted = np.repeat(wanted @ [[0.114], [0.587], [0.299]], 3, axis=1)
    np.testing.assert_allclose(found, wanted, atol=40)
    assert f", {code.strip()}" in source.label


@pytest.mark.parametrize(
    "size_wh", [(320, 180), (640, 360), (640, 480), (1280, 720), (1920, 1080)], ids=str
)
def test_a_size_that_it_has_is_granted(size_wh: tuple[int, int]) -> None:
    source = opened(by_number(), mode=CameraMode(*size_wh))
    assert frames_of(source, 1)[0].size_hw == size_wh[::-1]
    assert "granted" not in source.label
    source.close()


def test_a_size_that_it_has_not_is_told_beside_what_is_granted() -> None:
    source = opened(by_number(), mode=CameraMode(1000, 700))
    height, width = frames_of(source, 1)[0].size_hw
    assert f"width 1000 asked, {width} granted" in source.label
    assert f"height 700 asked, {height} granted" in source.label
    source.close()


def test_a_rate_that_it_has_is_granted_and_kept() -> None:
    source = opened(by_number(), mode=CameraMode(320, 180, fps=10.0))
    assert source.fps == pytest.approx(10.0, abs=0.1)
    times_s = [frame.time_s for frame in frames_of(source, 8)]
    assert np.median(np.diff(times_s)) == pytest.approx(0.1, abs=0.03)
    source.close()


def test_a_rate_that_it_has_not_is_told_beside_what_is_granted() -> None:
    source = opened(by_number(), mode=CameraMode(fps=500.0))
    assert "fps 500 asked" in source.label
    source.close()


def test_a_busy_camera_is_one_sentence_that_names_the_other_program(tmp_path: Path) -> None:
    node = vivid.node_of(vivid.FIRST)
    with vivid.streaming(node) as other:
        done = subprocess.run(
            [*RUN, *options_of(tmp_path), "--source", str(node)],
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 2
    said = [
        line for line in done.stderr.splitlines() if not line.startswith(("engine:", "no window"))
    ]
    told = f"error: camera {node} does not open while v4l2-ctl ({other.pid}) has it open"
    assert said[:-1] == [told], done.stderr
    assert said[-1].startswith("  fix: ")


def test_an_ordinary_user_outside_the_group_is_told_how_to_join() -> None:
    node = vivid.node_of(vivid.FIRST)
    node.chmod(0o660)
    groups = os.getgroups()
    os.setgroups([])
    os.setegid(65534)
    os.seteuid(65534)
    try:
        with pytest.raises(SourceError, match="no permission") as caught:
            opened(node)
    finally:
        os.seteuid(0)
        os.setegid(0)
        os.setgroups(groups)
    assert "usermod -aG video" in str(caught.value.fix)


def test_ten_opens_leave_nothing_behind() -> None:
    import threading

    def handles() -> tuple[int, int]:
        return len(list(Path("/proc/self/fd").iterdir())), threading.active_count()

    opened(by_number()).close()
    before = handles()
    for _ in range(10):
        source = opened(by_number())
        assert frames_of(source, 1)
        source.close()
    assert handles() == before
    capture = cv2.VideoCapture(int(by_number()), cv2.CAP_V4L2)
    assert capture.isOpened()
    capture.release()
