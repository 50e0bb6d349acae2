"""Cameras by name: listed, chosen, and found again when numbers have changed."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import cv2
import pytest

from steadypose.engines.errors import EngineUnavailableError, SourceError, UsageError
from steadypose.realtime import cli
from steadypose.realtime.command.options.command_line import build_parser, to_settings
from steadypose.realtime.sources import camera as opening
from steadypose.realtime.sources.camera import CameraMode, camera_opener
from steadypose.realtime.sources.capture import listing
from steadypose.realtime.sources.capture.listing import find_camera, lines_of, list_cameras
from steadypose.realtime.sources.opening import SourceOptions, is_camera
from tests.support.cameras import DirectShow, MediaFoundation

Found = dict[int, list[tuple[str, str]]]
ON_WINDOWS: Found = {
    cv2.CAP_DSHOW: [("HD Pro Webcam C920", r"\\?\usb#c920"), ("OBS Virtual Camera", "")],
    cv2.CAP_MSMF: [("HD Pro Webcam C920", r"\\?\usb#c920"), ("Windows Virtual Camera", "swd#1")],
}


def with_package(monkeypatch: pytest.MonkeyPatch, found: Found, system: str = "Windows") -> None:
    module = ModuleType("cv2_enumerate_cameras")

    def enumerate_cameras(backend: int) -> list[Any]:
        return [
            SimpleNamespace(index=index, name=name, path=path or None, backend=backend)
            for index, (name, path) in enumerate(found.get(backend, []))
        ]

    vars(module)["enumerate_cameras"] = enumerate_cameras
    monkeypatch.setitem(sys.modules, "cv2_enumerate_cameras", module)
    monkeypatch.setattr("platform.system", lambda: system)


def test_windows_lists_what_either_of_its_back_ends_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    with_package(monkeypatch, ON_WINDOWS)
    assert lines_of(list_cameras()) == [
        r" 0  HD Pro Webcam C920  (DirectShow, \\?\usb#c920)",
        " 1  OBS Virtual Camera  (DirectShow)",
        " -  Windows Virtual Camera  (Media Foundation, swd#1)",
    ]


def test_a_name_is_found_in_any_case_and_by_its_only_part(monkeypatch: pytest.MonkeyPatch) -> None:
    with_package(monkeypatch, ON_WINDOWS)
    assert find_camera("obs virtual camera").number == 1
    assert find_camera("C920").number == 0
    found = find_camera("windows virtual")
    assert (found.number, found.backend) == (1, cv2.CAP_MSMF)
    with pytest.raises(UsageError, match="'virtual' fits 2 cameras: 1 "):
        find_camera("virtual")
    with pytest.raises(SourceError, match="no camera is called 'Logi'; cameras here: 0 "):
        find_camera("Logi")


def test_an_exact_name_is_not_ambiguous(monkeypatch: pytest.MonkeyPatch) -> None:
    names = [("Webcam", "a"), ("Webcam Pro", "b")]
    with_package(monkeypatch, {cv2.CAP_AVFOUNDATION: names}, "Darwin")
    assert find_camera("webcam").path == "a"
    assert find_camera("pro").path == "b"


def test_without_the_package_numbers_remain(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "cv2_enumerate_cameras", None)
    monkeypatch.setattr("platform.system", lambda: "Windows")
    with pytest.raises(EngineUnavailableError, match="cameras, which is not installed"):
        list_cameras()
    assert listing.known_cameras() is None
    assert cli.main(["--list-cameras"]) == 2
    assert "requirements-cameras.txt, or try numbers" in capsys.readouterr().err


def test_a_named_camera_is_looked_up_each_time_it_is_opened(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found: Found = {cv2.CAP_DSHOW: [("Webcam", ""), ("OBS", "")], cv2.CAP_MSMF: []}
    with_package(monkeypatch, found)
    tried: list[tuple[int, int]] = []

    def make(device: int, backend: int) -> Any:
        tried.append((device, backend))
        return DirectShow() if backend == cv2.CAP_DSHOW else MediaFoundation()

    monkeypatch.setattr(cv2, "VideoCapture", make)
    open_it = camera_opener("obs", CameraMode(), is_name=True)
    assert open_it().label == "camera 1 (obs), 640x480, 30 fps, YUY2"
    found[cv2.CAP_DSHOW].reverse()
    open_it()
    found[cv2.CAP_MSMF], found[cv2.CAP_DSHOW] = found[cv2.CAP_DSHOW], []
    open_it()
    assert tried == [(1, cv2.CAP_DSHOW), (0, cv2.CAP_DSHOW), (0, cv2.CAP_MSMF)]


@pytest.mark.parametrize(
    ("typed", "text", "is_name"),
    [("3", "3", False), ("HD Pro", "HD Pro", True), ("C920", "C920", True), ("demo", "demo", True)],
)
def test_camera_takes_a_number_or_a_name(typed: str, text: str, *, is_name: bool) -> None:
    source = to_settings(build_parser().parse_args(["--camera", typed]), None).source
    assert source == SourceOptions(text, is_camera_name=is_name)
    assert is_camera(source)


@pytest.mark.parametrize("typed", ["-1", "100", " "])
def test_what_is_neither_is_refused(typed: str) -> None:
    with pytest.raises(UsageError, match="--camera"):
        build_parser().parse_args([f"--camera={typed}"])


@pytest.mark.skipif(sys.platform != "linux", reason="device files")
def test_linux_needs_no_package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    nodes = ("video0", "video1", "video10", "video2", "videox")
    for name in nodes:
        (tmp_path / "dev" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "dev" / name).touch()
    by_id = tmp_path / "dev/v4l/by-id"
    by_id.mkdir(parents=True)
    (by_id / "usb-Logitech_C920-video-index0").symlink_to(tmp_path / "dev/video2")
    system = tmp_path / "sys/class/video4linux/video2"
    system.mkdir(parents=True)
    (system / "name").write_text("HD Pro Webcam C920\n")
    monkeypatch.setattr(listing, "Path", lambda text: tmp_path / str(text).lstrip("/"))
    # A camera's second node is none of its own.
    monkeypatch.setattr(listing, "is_camera_node", lambda node: node.name != "video1")
    cameras = list_cameras()
    assert [one.number for one in cameras] == [0, 2, 10]
    assert cameras[1].name == "HD Pro Webcam C920"
    assert cameras[1].path.endswith("by-id/usb-Logitech_C920-video-index0")
    assert cameras[0].name == "video0"
    assert find_camera("usb-logitech").number == 2


def test_list_cameras_prints_a_line_for_each(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with_package(monkeypatch, {cv2.CAP_AVFOUNDATION: [("iPhone\x1b[2J", "id")]}, "Darwin")
    assert cli.main(["--list-cameras"]) == 0
    assert capsys.readouterr().out == " 0  iPhone\\x1b[2J  (id)\n"
    with_package(monkeypatch, {}, "Darwin")
    assert cli.main(["--list-cameras"]) == 0
    assert capsys.readouterr().out == "no camera\n"


def test_a_path_that_is_no_cameras_name_is_told_to_be_a_source(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with_package(monkeypatch, {}, "Darwin")
    with pytest.raises(SourceError, match="no camera is called '/dev/video0'") as told:
        find_camera("/dev/video0")
    assert told.value.fix == "a device's path is a source: --source /dev/video0"


def test_a_camera_that_is_gone_stays_an_error_with_its_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with_package(monkeypatch, {}, "Darwin")
    monkeypatch.setattr(opening, "ASKED_FOR_S", 0.0)
    with pytest.raises(SourceError, match="no camera is called 'C920'; the system lists no camera"):
        camera_opener("C920", CameraMode(), is_name=True)()
