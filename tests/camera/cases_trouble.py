"""What goes wrong with cameras while they are recorded."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from steadypose.realtime.sources.camera import CameraMode
from tests.camera import vivid
from tests.camera.app import RUN, count, frames_of, opened, options_of, record

vivid.load()
Heard = pytest.CaptureFixture[str]
FRAMES = 80
SMALL = CameraMode(320, 180)


def first() -> Path:
    return vivid.node_of(vivid.FIRST)


def replug(away_s: float = 2.0) -> None:
    vivid.unplug()
    time.sleep(away_s)
    vivid.plug()


def check_gap(times_s: list[float], *, least_s: float, most_s: float) -> None:
    """One hole, and time goes on through it."""
    steps = np.diff(times_s)
    assert (steps > 0).all()
    assert least_s < steps.max() < most_s


def test_a_camera_that_is_unplugged_and_back_goes_on_in_the_same_recording(
    tmp_path: Path, capfd: Heard
) -> None:
    done = record(tmp_path, capfd, "--camera", first().name[5:], frames=FRAMES, meanwhile=replug)
    assert done.code == 0
    assert len(done.rows) == FRAMES
    assert done.said.count("camera lost") == done.said.count("the camera is back") == 1
    check_gap(done.times_s, least_s=1.5, most_s=12.0)


def test_a_camera_that_comes_back_under_another_number_is_found(
    tmp_path: Path, capfd: Heard
) -> None:
    before = first()

    def renumber() -> None:
        held = os.open(before, os.O_RDWR)  # whoever still has it open keeps its number
        try:
            replug()
        finally:
            os.close(held)

    done = record(tmp_path, capfd, "--camera", before.name[5:], frames=FRAMES, meanwhile=renumber)
    assert first() != before
    assert (done.code, len(done.rows)) == (0, FRAMES)
    assert f"the camera is back: camera {first().name[5:]}, 320x180" in done.said


def test_a_camera_that_comes_back_with_another_size_goes_on(tmp_path: Path, capfd: Heard) -> None:
    def change() -> None:
        vivid.unplug()
        time.sleep(4.0)  # the app tries again after 0.5, 1.5, 3.5 and 7.5 s
        vivid.plug()
        vivid.command(first(), "--set-input", "1")  # a TV card: 720x576, nothing else

    film = ("--save-video", str(tmp_path / "a.mp4"))
    done = record(
        tmp_path, capfd, "--camera", first().name[5:], *film, frames=FRAMES, meanwhile=change
    )
    assert (done.code, len(done.rows)) == (0, FRAMES), done.said
    assert "the camera is back" in done.said


def test_a_stream_that_dies_is_opened_again(tmp_path: Path, capfd: Heard) -> None:
    def die() -> None:
        vivid.control(first(), inject_fatal_streaming_error=1)

    done = record(tmp_path, capfd, "--camera", first().name[5:], frames=FRAMES, meanwhile=die)
    assert (done.code, len(done.rows)) == (0, FRAMES), done.said
    assert "the camera is back" in done.said


def test_a_disconnected_camera_is_noticed_within_seconds(tmp_path: Path) -> None:
    source = opened(first(), mode=SMALL)
    frames_of(source, 5)
    began_s = time.monotonic()
    vivid.control(first(), disconnect=1)
    vivid.wait_for(lambda: source.trouble, 6.0)
    assert time.monotonic() - began_s < 6.0
    source.close()


def test_buffers_that_come_back_with_an_error_are_survived(tmp_path: Path, capfd: Heard) -> None:
    def spoil() -> None:
        for _ in range(5):
            vivid.control(first(), inject_v4l2_buf_flag_error=1)
            time.sleep(0.2)

    done = record(tmp_path, capfd, "--camera", first().name[5:], frames=FRAMES, meanwhile=spoil)
    assert (done.code, len(done.rows)) == (0, FRAMES), done.said


def test_three_lost_buffers_in_ten_are_pauses_and_no_loss(tmp_path: Path, capfd: Heard) -> None:
    vivid.control(first(), percentage_of_dropped_buffers=30)
    done = record(tmp_path, capfd, "--camera", first().name[5:], frames=FRAMES)
    assert (done.code, len(done.rows)) == (0, FRAMES), done.said
    assert "camera lost" not in done.said
    assert (np.diff(done.times_s) > 0).all()


def test_time_stamps_that_wrap_never_go_back(tmp_path: Path) -> None:
    source = opened(first(), mode=SMALL)
    vivid.control(first(), wrap_timestamp=1)
    source.close()
    source = opened(first(), mode=SMALL)
    until_s = time.monotonic() + 14.0
    ages_s, times_s = [], []
    while time.monotonic() < until_s:
        frame = source.read(1.0)
        if frame is not None:
            ages_s.append(time.perf_counter() - frame.captured_s)
            times_s.append(frame.time_s)
    source.close()
    vivid.control(first(), wrap_timestamp=0)
    steps = np.diff(times_s)
    assert (steps >= 0).all()
    assert steps.max() < 3.0
    assert np.percentile(ages_s, 95) < 1.0
    assert min(ages_s) >= 0.0


def test_pictures_that_are_black_at_first_are_frames_like_others(tmp_path: Path) -> None:
    vivid.control(first(), test_pattern=5)  # 100% Black
    source = opened(first())
    assert frames_of(source, 3)[-1].image_bgr[300:].mean() < 30
    vivid.control(first(), test_pattern=0)
    vivid.wait_for(lambda: frames_of(source, 1)[0].image_bgr[300:].mean() > 60, 5.0)
    assert source.trouble is None
    source.close()


def test_a_process_that_was_suspended_does_not_take_old_pictures_for_new(tmp_path: Path) -> None:
    source = opened(first(), mode=SMALL)
    frames_of(source, 10)
    me = os.getpid()
    with subprocess.Popen(["/bin/sh", "-c", f"kill -STOP {me}; sleep 4; kill -CONT {me}"]) as other:
        before_s = time.perf_counter()
        while (slept_s := time.perf_counter() - before_s) < 2.0:
            before_s = time.perf_counter()
            time.sleep(0.05)
        other.wait()
    back_s = before_s + slept_s
    later = frames_of(source, 20)
    source.close()
    stale = [f for f in later if f.captured_s < back_s - 0.5]
    assert all(b.captured_s > a.captured_s for a, b in pairwise(later))
    assert len(stale) <= 4, "as many as the driver has buffers"
    assert later[-1].captured_s > back_s


def test_two_apps_on_two_cameras_leave_each_other_alone(tmp_path: Path, capfd: Heard) -> None:
    other = tmp_path / "other"
    other.mkdir()
    table = other / "b.jsonl"
    command = [*RUN, *options_of(other), "--camera", vivid.SECOND, "--jsonl", str(table)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as second:
        try:
            vivid.wait_for(lambda: count(table) > 5, 120.0)
            done = record(tmp_path, capfd, "--camera", vivid.FIRST, frames=FRAMES)
            rows = count(table)
            vivid.wait_for(lambda: count(table) > rows + 5)
        except BaseException:
            second.kill()
            raise
        second.send_signal(signal.SIGINT)
        _, said = second.communicate(timeout=60)
    assert (done.code, len(done.rows)) == (0, FRAMES)
    assert "camera lost" not in done.said + said
