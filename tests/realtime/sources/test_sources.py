"""Where frames come from: nothing dropped from files, nothing old from cameras."""

from __future__ import annotations

import contextlib
import http.server
import sys
import threading
import time
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from steadypose.engines.errors import SourceError, SteadyposeError, UsageError
from steadypose.engines.wording.advice import command
from steadypose.engines.wording.printable import quoted
from steadypose.realtime.datatypes import Frame
from steadypose.realtime.sources.base import Source
from steadypose.realtime.sources.camera import CameraMode, open_camera
from steadypose.realtime.sources.capture.refusal import check_device
from steadypose.realtime.sources.demo import DemoScene
from steadypose.realtime.sources.live import LiveSource
from steadypose.realtime.sources.opening import SourceOptions, open_source, source_files
from tests.support.drawn import write_picture

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="device files")


def read_all(source: Source) -> list[Frame]:
    frames = []
    while not source.is_over:
        frame = source.read(5.0)
        if frame is not None:
            frames.append(frame)
    return frames


def write_video(path: Path, times: list[float], size: tuple[int, int] = (48, 64)) -> None:
    from fractions import Fraction

    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=30)
        stream.height, stream.width = size
        stream.pix_fmt = "yuv420p"
        stream.codec_context.time_base = Fraction(1, 90_000)
        for i, time_s in enumerate(times):
            image = np.full((*size, 3), 10 * i % 250, np.uint8)
            frame = av.VideoFrame.from_ndarray(image, format="bgr24")
            frame.pts, frame.time_base = round(time_s * 90_000), Fraction(1, 90_000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def test_a_video_gives_every_frame_with_its_presentation_time(tmp_path: Path) -> None:
    times = [0.0, 0.033, 0.067, 0.2, 0.233, 0.5]
    write_video(tmp_path / "a.mp4", times)
    source = open_source(SourceOptions(str(tmp_path / "a.mp4")))
    frames = read_all(source)
    assert [f.index for f in frames] == list(range(6))
    np.testing.assert_allclose([f.time_s for f in frames], times, atol=2e-3)
    assert not source.is_live
    source.close()


def test_a_slow_reader_misses_nothing(tmp_path: Path) -> None:
    write_video(tmp_path / "a.mp4", [i / 30 for i in range(60)])
    source = open_source(SourceOptions(str(tmp_path / "a.mp4")))
    time.sleep(0.3)
    assert len(read_all(source)) == 60
    assert source.dropped == 0


def test_a_truncated_video_gives_its_frames_and_then_says_so(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    rng = np.random.default_rng(0)
    with av.open(str(path), "w", options={"movflags": "faststart"}) as container:
        stream = container.add_stream("libx264", rate=30)
        stream.height, stream.width, stream.pix_fmt = 64, 64, "yuv420p"
        for _ in range(90):
            noise = rng.integers(0, 255, (64, 64, 3), dtype=np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(noise, format="bgr24")))
        container.mux(stream.encode())
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * 0.6)])
    source = open_source(SourceOptions(str(path)))
    frames = []
    with pytest.raises(SourceError, match=r"ends after \d+ of 90 frames"):
        while True:
            frame = source.read(5.0)
            if frame is not None:
                frames.append(frame)
    assert 20 < len(frames) < 80
    assert source.is_over


def test_rotation_metadata_is_honoured(tmp_path: Path) -> None:
    plain = tmp_path / "plain.mp4"
    write_video(plain, [i / 30 for i in range(5)], size=(48, 96))
    rotated = tmp_path / "rotated.mp4"
    with av.open(str(plain)) as source, av.open(str(rotated), "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)
    _set_rotation(rotated)
    frames = read_all(open_source(SourceOptions(str(rotated))))
    assert frames[0].size_hw == (96, 48)


def _set_rotation(path: Path) -> None:
    """Write a 90 degree matrix into the track header, as phones do."""
    data = bytearray(path.read_bytes())
    at = data.index(b"tkhd") + 4 + 40
    matrix = (0, 0x10000, 0, -0x10000, 0, 0, 0, 0, 0x40000000)
    data[at : at + 36] = b"".join(v.to_bytes(4, "big", signed=True) for v in matrix)
    path.write_bytes(data)


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"", r"empty \(0 bytes\)"), (b"just some text\n" * 20, "cannot be opened as a video")],
)
def test_a_file_that_is_no_video_says_so(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(content)
    with pytest.raises(SourceError, match=message):
        open_source(SourceOptions(str(path)))


def test_pictures_play_in_natural_order_at_the_asked_rate(tmp_path: Path) -> None:
    for i in (1, 2, 10):
        write_picture(tmp_path / f"f{i}.png", np.full((20, 30, 3), 10 * i, np.uint8))
    (tmp_path / "notes.txt").write_text("not a picture")
    for text in (str(tmp_path), str(tmp_path / "f*.png")):
        source = open_source(SourceOptions(text, CameraMode(fps=10)))
        frames = read_all(source)
        assert [int(f.image_bgr[0, 0, 0]) for f in frames] == [10, 20, 100]
        assert [f.time_s for f in frames] == pytest.approx([0.0, 0.1, 0.2])
        assert source.frame_count == 3


def test_a_bad_picture_costs_only_itself_and_is_named(tmp_path: Path) -> None:
    for i in range(3):
        write_picture(tmp_path / f"f{i}.png", np.zeros((20, 30, 3), np.uint8))
    (tmp_path / "f1.png").write_bytes(b"broken")
    source = open_source(SourceOptions(str(tmp_path)))
    frames = []
    with pytest.raises(SourceError, match=r"1 of 3 pictures .* f1.png|1 of 3 pictures"):
        while True:
            frame = source.read(5.0)
            if frame is not None:
                frames.append(frame)
    assert len(frames) == 2


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("nowhere.mp4", SourceError, "does not exist"),
        ("none/*.png", SourceError, "nothing matches"),
        (" ", UsageError, "--source is empty"),
        ("demo:9", UsageError, "demo:9"),
        ("file:///tmp/x.mp4", UsageError, "file URL"),
        ("gopher://x/y", UsageError, "unknown scheme"),
        ("rstp://me:secret@x/y", UsageError, "rstp://x/y has an unknown scheme"),
        ("rtsp://me:secret[@127.0.0.1:9/x", SourceError, "no video at rtsp://127.0.0.1:9"),
        pytest.param("/dev/video77", SourceError, "does not exist", marks=LINUX),
        pytest.param("/dev/null", SourceError, "gives no pictures: it is no camera", marks=LINUX),
        ("rtsp://127.0.0.1:9/none", SourceError, "no video at rtsp://127.0.0.1:9"),
        ("http://user:secret@127.0.0.1:9/x", SourceError, "no video at http://127.0.0.1:9"),
    ],
)
def test_what_cannot_be_opened_is_one_sentence(
    text: str, error: type[SteadyposeError], message: str
) -> None:
    with pytest.raises(error, match=message) as caught:
        open_source(SourceOptions(text))
    assert "secret" not in str(caught.value)


@LINUX
def test_any_other_file_is_no_camera(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="is not a camera device"):
        check_device(str(tmp_path))


def test_notes_in_a_folder_of_pictures_are_no_pictures(tmp_path: Path) -> None:
    write_picture(tmp_path / "1.png", np.zeros((8, 8, 3), np.uint8))
    (tmp_path / "notes.txt").write_text("taken in the garden")
    source = open_source(SourceOptions(str(tmp_path)))
    assert source.frame_count == 1
    source.close()
    assert source_files(str(tmp_path)) == [tmp_path / "1.png"]  # what no output may replace


def test_an_empty_folder_says_so_and_where_a_folder_of_videos_goes(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="holds no pictures") as told:
        open_source(SourceOptions(str(tmp_path)))
    assert f"{command('batch')} {quoted(tmp_path)} --out tables" in told.value.fix


def test_what_is_no_video_is_named_so_that_its_command_can_be_copied(tmp_path: Path) -> None:
    path = tmp_path / "two words.mp4"
    path.write_text("this is not a video\n" * 30)
    with pytest.raises(SourceError, match="cannot be opened as a video") as told:
        open_source(SourceOptions(str(path)))
    assert f"ffprobe {quoted(path)} says" in told.value.fix


def test_a_fourcc_needs_four_letters() -> None:
    with pytest.raises(UsageError, match="four letters"):
        CameraMode(fourcc="MJPEG")


class GrantingCapture:
    """A camera that knows one mode, as OpenCV shows it."""

    def __init__(self, *_: object) -> None:
        self.asked: list[int] = []

    def isOpened(self) -> bool:  # noqa: N802
        return True

    def set(self, prop: int, value: float) -> bool:
        self.asked.append(prop)
        return bool(value)

    def get(self, prop: int) -> float:
        return {
            cv2.CAP_PROP_FRAME_WIDTH: 640.0,
            cv2.CAP_PROP_FRAME_HEIGHT: 480.0,
            cv2.CAP_PROP_FPS: 30.0,
            cv2.CAP_PROP_FOURCC: float(cv2.VideoWriter.fourcc(*"YUYV")),
        }.get(prop, 0.0)

    def getBackendName(self) -> str:  # noqa: N802
        return "V4L2"


def test_granted_is_reported_against_asked_and_fourcc_is_set_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    captures: list[GrantingCapture] = []

    def make(*_: object) -> GrantingCapture:
        captures.append(GrantingCapture())
        return captures[-1]

    monkeypatch.setattr(cv2, "VideoCapture", make)
    monkeypatch.setattr("steadypose.realtime.sources.camera.check_device", lambda _: None)
    device = open_camera(0, CameraMode(1280, 720, 60.0, "MJPG"))
    for part in ("640x480", "width 1280 asked, 640 granted", "fps 60 asked, 30 granted"):
        assert part in device.label
    assert "fourcc MJPG asked, YUYV granted" in device.label
    assert captures[0].asked[0] == cv2.CAP_PROP_FOURCC


class FakeCamera:
    """Paced frames whose pixels carry their number; may fail for a while."""

    label = "fake camera"

    def __init__(self, fps: float = 200.0, *, fails_at: int | None = None) -> None:
        self.fps = fps
        self.count = 0
        self.fails_at = fails_at
        self.is_closed = False

    def read(self) -> tuple[NDArray[np.uint8], float] | None:
        time.sleep(1 / self.fps)
        self.count += 1
        if self.fails_at is not None and self.count > self.fails_at:
            return None
        return np.full((8, 8, 3), self.count % 256, np.uint8), time.perf_counter()

    def close(self) -> None:
        self.is_closed = True


def test_time_never_goes_back_where_two_clocks_take_turns() -> None:
    class TwoClocks(FakeCamera):
        def read(self) -> tuple[NDArray[np.uint8], float] | None:
            image, captured_s = super().read() or (np.zeros((8, 8, 3), np.uint8), 0.0)
            return image, captured_s - 0.1 * (self.count % 2)

    source = LiveSource(TwoClocks)
    times = [frame.time_s for _ in range(10) if (frame := source.read(2.0)) is not None]
    source.close()
    assert len(times) == 10
    assert times == sorted(times)


def test_the_newest_frame_wins_and_the_others_are_counted() -> None:
    waits, end = threading.Event(), threading.Event()

    class Thirty(FakeCamera):
        def read(self) -> tuple[NDArray[np.uint8], float] | None:
            if self.count == 30:
                waits.set()
                end.wait(10.0)
            return super().read()

    source = LiveSource(lambda: Thirty(1000.0))
    assert waits.wait(10.0)
    frame = source.read(0.0)
    assert frame is not None
    assert frame.index == source.dropped == 29
    assert (frame.image_bgr == 30).all()
    end.set()
    source.close()


def test_capture_times_grow_and_start_at_zero() -> None:
    source = LiveSource(lambda: FakeCamera(100.0))
    times: list[float] = []
    while len(times) < 10:
        frame = source.read(1.0)
        assert frame is not None
        times.append(frame.time_s)
    source.close()
    assert times[0] == pytest.approx(0.0, abs=0.2)
    assert (np.diff(times) > 0).all()


def test_a_lost_camera_comes_back_and_says_so_meanwhile() -> None:
    opened: list[FakeCamera] = []
    absent = threading.Event()

    def open_device() -> FakeCamera:
        if opened and not absent.is_set():
            raise SourceError("gone", fix="plug it in")
        opened.append(FakeCamera(fails_at=10 if not opened else None))
        return opened[-1]

    source: Source = LiveSource(open_device)
    deadline = time.perf_counter() + 5
    while source.trouble is None and time.perf_counter() < deadline:
        source.read(0.01)
    assert "reconnecting" in str(source.trouble)
    assert opened[0].is_closed
    while source.read(0.0):
        pass
    assert source.read(0.05) is None
    assert not source.is_over
    absent.set()
    frame = source.read(5.0)
    assert frame is not None
    assert frame.index >= 10  # numbering goes on
    assert not source.trouble
    source.close()


def test_a_camera_that_gives_no_picture_is_an_error_not_a_wait() -> None:
    begin = time.perf_counter()
    with pytest.raises(SourceError, match="no frame arrived within 1 s"):
        LiveSource(lambda: FakeCamera(fails_at=0), first_frame_s=1.0)
    assert time.perf_counter() - begin < 4.0


def test_a_bug_in_the_capture_thread_is_not_swallowed() -> None:
    class Broken(FakeCamera):
        def read(self) -> tuple[NDArray[np.uint8], float] | None:
            if self.count >= 3:
                raise ZeroDivisionError("a bug")
            return super().read()

    source = LiveSource(Broken)
    with pytest.raises(ZeroDivisionError):
        for _ in range(50):
            source.read(0.1)
    assert source.is_over


def test_the_demo_repeats_exactly_and_its_truth_lies_on_the_figure() -> None:
    scene = DemoScene()
    np.testing.assert_array_equal(scene.draw(37), DemoScene().draw(37))
    assert scene.truth(37).shape == (1, 17, 2)
    # The shirt is blue: between shoulder and hip there is much more blue than red.
    truth = scene.truth(0)[0]
    x, y = truth[[5, 6, 11, 12]].mean(axis=0).astype(int)
    b, _, r = scene.draw(0)[y, x].astype(int)
    assert b > r + 40


def test_the_demo_moves_its_hands_its_people_and_its_background() -> None:
    scene = DemoScene(persons=2)
    wrist = np.stack([scene.truth(i)[0, 9] for i in range(0, 240, 10)])
    assert np.ptp(wrist[:, 1]) > 60
    centers = np.stack([scene.truth(i)[:, :, 0].mean(axis=1) for i in range(0, 450, 15)])
    assert (centers[:, 0] > centers[:, 1]).any()
    assert (centers[:, 0] < centers[:, 1]).any()  # they pass each other
    assert (scene.draw(0)[:60, :60] != scene.draw(90)[:60, :60]).mean() > 0.5


def test_a_paced_demo_keeps_time() -> None:
    source = open_source(SourceOptions("demo", CameraMode(fps=50.0), is_paced=True))
    begin = time.perf_counter()
    for _ in range(26):
        assert source.read(1.0) is not None
    assert time.perf_counter() - begin > 0.4
    source.close()


def test_closing_early_ends_the_thread(tmp_path: Path) -> None:
    before = threading.active_count()
    source = open_source(SourceOptions("demo"))
    source.read(1.0)
    source.close()
    source.close()
    assert source.read(0.0) is None
    assert threading.active_count() == before


def test_an_http_camera_is_live_and_connected_to_once() -> None:
    connections: list[str] = []
    jpeg = cv2.imencode(".jpg", np.full((48, 64, 3), 90, np.uint8))[1].tobytes()

    class Camera(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            connections.append(self.path)
            self.send_response(200)
            self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
            self.end_headers()
            head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
            with contextlib.suppress(OSError):  # the reader hangs up
                for _ in range(400):
                    self.wfile.write(head.encode() + jpeg + b"\r\n")
                    time.sleep(0.01)

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Camera) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        source = open_source(SourceOptions(f"http://127.0.0.1:{server.server_port}/video"))
        frame = source.read(5.0)
        assert source.is_live
        source.close()
        server.shutdown()
    assert frame is not None
    assert frame.size_hw == (48, 64)
    assert len(connections) == 1
