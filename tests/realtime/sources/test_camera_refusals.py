"""Absent, busy, not permitted, never asked: four sentences, none of what was not checked."""

from __future__ import annotations

import ctypes
import os
import sys
import time
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import cv2
import pytest

from steadypose.engines.errors import SourceError
from steadypose.realtime.sources import camera as opening
from steadypose.realtime.sources.camera import CameraMode, open_camera
from steadypose.realtime.sources.capture import permission as asking
from steadypose.realtime.sources.capture import refusal
from steadypose.realtime.sources.capture.linux import is_camera_node, users_of
from steadypose.realtime.sources.capture.listing import Camera
from steadypose.realtime.sources.capture.permission import Permission
from tests.support.cameras import AVFoundation, DirectShow

ONE = [Camera(0, "FaceTime HD", 1200)]


class Refusing:
    """A capture that does not open, or only from some try on."""

    tries: list[int]

    def __init__(self, opens_at: int = 10**9, kind: type[Any] = AVFoundation) -> None:
        self.tries, self.opens_at, self.kind = [], opens_at, kind

    def __call__(self, *_: object) -> Any:
        self.tries.append(len(self.tries))
        camera = self.kind()
        camera.is_released = len(self.tries) < self.opens_at
        return camera


def refuse(
    monkeypatch: pytest.MonkeyPatch,
    system: str,
    *,
    may: Permission,
    cameras: list[Camera] | None,
    device: int = 0,
) -> SourceError:
    monkeypatch.setattr("platform.system", lambda: system)
    monkeypatch.setattr(opening, "ASKED_FOR_S", 0.0)
    monkeypatch.setattr(opening, "permission", lambda: may)
    monkeypatch.setattr(refusal, "permission", lambda: may)
    monkeypatch.setattr(refusal, "known_cameras", lambda: cameras)
    monkeypatch.setattr(cv2, "VideoCapture", Refusing())
    with pytest.raises(SourceError) as caught:
        open_camera(device, CameraMode())
    return caught.value


SYSTEMS = ("Darwin", "Windows")


@pytest.mark.parametrize("system", SYSTEMS)
def test_a_camera_that_the_system_does_not_list_is_absent(
    monkeypatch: pytest.MonkeyPatch, system: str
) -> None:
    error = refuse(monkeypatch, system, may=Permission.GIVEN, cameras=ONE, device=7)
    assert error.what == "there is no camera 7; cameras here: 0 (FaceTime HD)"
    error = refuse(monkeypatch, system, may=Permission.GIVEN, cameras=[], device=7)
    assert error.what == "there is no camera 7; the system lists no camera"


@pytest.mark.parametrize("system", SYSTEMS)
def test_a_camera_that_it_lists_is_there_and_may_be_busy(
    monkeypatch: pytest.MonkeyPatch, system: str
) -> None:
    error = refuse(monkeypatch, system, may=Permission.GIVEN, cameras=ONE)
    assert error.what == (
        "camera 0 (FaceTime HD) is there but does not open: another program may be using it"
    )
    assert "Privacy" not in error.fix


@pytest.mark.parametrize(
    ("system", "setting"),
    [("Darwin", "Privacy & Security, Camera"), ("Windows", "Let desktop apps access your camera")],
)
def test_a_refusal_by_the_settings_names_the_setting(
    monkeypatch: pytest.MonkeyPatch, system: str, setting: str
) -> None:
    for cameras in (ONE, None):
        error = refuse(monkeypatch, system, may=Permission.REFUSED, cameras=cameras)
        assert "does not let this program use a camera" in error.what
        assert setting in error.fix
        assert "another program" not in str(error)


def test_a_question_without_an_answer_is_called_that(monkeypatch: pytest.MonkeyPatch) -> None:
    error = refuse(monkeypatch, "Darwin", may=Permission.NOT_ASKED, cameras=None)
    assert error.what == "macOS asks whether this program may use the camera, and got no answer"
    assert "tccutil reset Camera" in error.fix


@pytest.mark.parametrize("system", SYSTEMS)
def test_what_nobody_could_check_is_not_claimed(
    monkeypatch: pytest.MonkeyPatch, system: str
) -> None:
    """Neither names nor permission are known: every cause is left open."""
    error = refuse(monkeypatch, system, may=Permission.UNKNOWN, cameras=None, device=7)
    for cause in ("there is none with this number", "another program has it", "does not let"):
        assert cause in error.what
    assert "is there" not in error.what.replace("there is none", "")


@pytest.mark.parametrize("answers_s", [0.85, 29.5, 30.5])
def test_macos_is_tried_again_once_the_question_is_answered_within_half_a_minute(
    monkeypatch: pytest.MonkeyPatch, answers_s: float
) -> None:
    captures, now_s = Refusing(opens_at=2), [100.0]

    def pause(pause_s: float) -> None:
        now_s[0] += pause_s

    def may() -> Permission:
        return Permission.GIVEN if now_s[0] > 100.0 + answers_s else Permission.NOT_ASKED

    clock = SimpleNamespace(perf_counter=lambda: now_s[0], sleep=pause)
    monkeypatch.setattr("platform.system", lambda: "Darwin")
    monkeypatch.setattr(opening, "time", clock)
    monkeypatch.setattr(opening, "permission", may)
    monkeypatch.setattr(refusal, "permission", may)
    monkeypatch.setattr(cv2, "VideoCapture", captures)
    if answers_s < 30.0:
        device = open_camera(0, CameraMode())
        assert device.label.startswith("camera 0, 640x480")
        assert now_s[0] == pytest.approx(100.0 + answers_s, abs=0.25), "as soon as it is answered"
    else:
        with pytest.raises(SourceError, match="got no answer"):
            open_camera(0, CameraMode())
        assert now_s[0] == pytest.approx(130.0, abs=0.25)
    assert len(captures.tries) == 1 + (answers_s < 30.0)


@pytest.mark.parametrize(
    ("status", "means"),
    [
        (0, Permission.NOT_ASKED),
        (1, Permission.REFUSED),
        (2, Permission.REFUSED),
        (3, Permission.GIVEN),
        (9, Permission.UNKNOWN),
    ],
)
def test_macos_is_asked_through_its_own_library(
    monkeypatch: pytest.MonkeyPatch, status: int, means: Permission
) -> None:
    sent: list[tuple[object, ...]] = []

    def prototype(*_: object) -> Any:
        def bind(_: object) -> Any:
            def send(receiver: object, selector: object, argument: object) -> object:
                sent.append((receiver, selector, argument))
                return b"text" if receiver == b"NSString" else status

            return send

        return bind

    library = SimpleNamespace(
        objc_getClass=_Returns(), sel_registerName=_Returns(), objc_msgSend=None
    )
    monkeypatch.setattr(ctypes, "CDLL", lambda _name: library)
    monkeypatch.setattr(ctypes, "CFUNCTYPE", prototype)
    monkeypatch.setattr("platform.system", lambda: "Darwin")
    assert asking.permission() is means
    assert sent == [
        (b"NSString", b"stringWithUTF8String:", b"vide"),
        (b"AVCaptureDevice", b"authorizationStatusForMediaType:", b"text"),
    ]


class _Returns:
    """A C function that returns what it is given."""

    def __call__(self, name: bytes) -> bytes:
        return name


@pytest.mark.parametrize(
    ("switches", "means"),
    [
        ({}, Permission.UNKNOWN),
        ({("user", "webcam"): "Allow", ("user", "NonPackaged"): "Allow"}, Permission.GIVEN),
        ({("user", "webcam"): "Allow", ("user", "NonPackaged"): "Deny"}, Permission.REFUSED),
        ({("user", "webcam"): "Deny"}, Permission.REFUSED),
        ({("machine", "webcam"): "Deny", ("user", "webcam"): "Allow"}, Permission.REFUSED),
    ],
)
def test_windows_is_asked_for_the_switches_of_its_settings(
    monkeypatch: pytest.MonkeyPatch, switches: dict[tuple[str, str], str], means: Permission
) -> None:
    class Key:
        def __init__(self, root: str, path: str) -> None:
            self.at = (root, path.rpartition("\\")[2])
            if self.at not in switches:
                raise FileNotFoundError(2, "no such key")

        def __enter__(self) -> Key:
            return self

        def __exit__(self, *_: object) -> None:
            pass

    winreg = ModuleType("winreg")
    vars(winreg).update(
        HKEY_LOCAL_MACHINE="machine",
        HKEY_CURRENT_USER="user",
        OpenKey=Key,
        QueryValueEx=lambda key, _name: (switches[key.at], 1),
    )
    monkeypatch.setitem(sys.modules, "winreg", winreg)
    monkeypatch.setattr("platform.system", lambda: "Windows")
    assert asking.permission() is means


def test_a_system_that_cannot_be_asked_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    for system in ("Darwin", "Windows", "Linux"):
        monkeypatch.setattr("platform.system", lambda system=system: system)
        assert asking.permission() is Permission.UNKNOWN


@pytest.mark.skipif(sys.platform != "linux", reason="device files")
def test_linux_says_what_its_files_tell(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="camera 77 does not exist"):
        refusal.check_device(77)
    with pytest.raises(SourceError, match="gives no pictures"):
        refusal.check_device("/dev/null")
    assert is_camera_node(Path("/dev/null")) is False
    assert is_camera_node(tmp_path / "missing") is None
    error = refusal.refused("/dev/video77")
    assert "is there but does not open: another program may be using it" in error.what


@pytest.mark.skipif(sys.platform != "linux", reason="device files")
def test_linux_names_the_program_that_has_the_camera(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = tmp_path / "video0"
    held.touch()
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        kept = os.open(held, os.O_RDONLY)
        os.write(writing, b"x")
        time.sleep(60 + 0 * kept)
        os._exit(0)
    os.read(reading, 1)
    try:
        (user,) = users_of(held)
        assert user.endswith(f"({child})")
        error = refusal.refused(str(held))
        assert f"does not open while {user} has it open" in error.what
    finally:
        os.kill(child, 9)
        os.waitpid(child, 0)
        os.close(reading)
        os.close(writing)
    assert users_of(held) == []


@pytest.mark.parametrize(
    ("caps", "is_camera"),
    [
        ((0x84200001, 0x04200001), True),  # uvcvideo's picture node
        ((0x84A00001, 0x04A00000), False),  # and the one beside it, for metadata
        ((0x04000001, 0), True),  # an old driver tells them together
        ((0x84201000, 0x04201000), True),  # several planes
    ],
)
@pytest.mark.skipif(sys.platform != "linux", reason="device files")
def test_a_node_says_whether_pictures_come_from_it(
    monkeypatch: pytest.MonkeyPatch, caps: tuple[int, int], *, is_camera: bool
) -> None:
    import fcntl
    import struct

    answer = struct.pack("16s32s32sIII12x", b"uvcvideo", b"HD", b"usb", 0, *caps)
    monkeypatch.setattr(fcntl, "ioctl", lambda *_: answer)
    assert is_camera_node(Path("/dev/null")) is is_camera


def test_a_camera_whose_mode_cannot_be_asked_is_released(monkeypatch: pytest.MonkeyPatch) -> None:
    camera = DirectShow()

    def fail(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("platform.system", lambda: "Windows")
    monkeypatch.setattr(cv2, "VideoCapture", lambda *_: camera)
    monkeypatch.setattr(opening, "ask", fail)
    with pytest.raises(KeyboardInterrupt):
        open_camera(0, CameraMode())
    assert camera.is_released
