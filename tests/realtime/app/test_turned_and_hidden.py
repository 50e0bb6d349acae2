"""Frames turned, searched in part, and people shown without their picture."""

from __future__ import annotations

import json
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from steadypose.engines.backends.fake_engine import FakeEngine
from steadypose.engines.errors import UsageError
from steadypose.engines.skeletons.people import COCO17
from steadypose.realtime import cli
from steadypose.realtime.app.display import NullDisplay
from steadypose.realtime.app.loop import App
from steadypose.realtime.command.options.command_line import build_parser
from steadypose.realtime.datatypes import Frame
from steadypose.realtime.record.live.sender import Live
from steadypose.realtime.record.outputs import Outputs
from steadypose.realtime.record.sidecar import sidecar_path
from steadypose.realtime.sources.opening import SourceOptions, open_source
from steadypose.realtime.sources.pictures import decode_picture
from steadypose.realtime.tracking.pipeline import Pipeline
from steadypose.realtime.tracking.region import Region
from steadypose.realtime.tracking.search_windows import scan_windows
from tests.realtime.app.test_loop import ScriptedDisplay, gray_source
from tests.realtime.tracking.test_tracking import HW, World, person
from tests.support import films
from tests.support.drawn import write_picture

RUN = ("--headless", "--backend", "onnxruntime")


@pytest.mark.parametrize(
    ("degrees", "corners"),
    [
        (0, "red green blue -"),
        (90, "blue red - green"),
        (180, "- blue green red"),
        (270, "green - red blue"),
    ],
)
def test_a_source_is_turned_clockwise(tmp_path: Path, degrees: int, corners: str) -> None:
    write_picture(tmp_path / "a.png", films.scene(1))
    source = open_source(SourceOptions(str(tmp_path / "a.png"), rotate_deg=degrees))
    frame = source.read(5.0)
    assert frame is not None
    assert frame.size_hw == ((96, 64) if degrees % 180 else (64, 96))
    assert films.corners(frame.image_bgr) == corners
    assert (f"turned by {degrees}°" in source.label) == bool(degrees)
    assert source.read(5.0) is None
    assert source.is_over
    source.close()


def test_positions_and_video_turn_with_the_picture(tmp_path: Path, tiny_path: Path) -> None:
    sizes = {}
    for degrees in ("0", "90"):
        film, table = tmp_path / f"{degrees}.mp4", tmp_path / f"{degrees}.jsonl"
        code = cli.main(
            [
                *(*RUN, "--model", str(tiny_path), "--source", "demo", "--max-frames", "5"),
                *f"--rotate {degrees} --save-video {film} --jsonl {table}".split(),
            ]
        )
        assert code == 0
        with av.open(str(film)) as container:
            stream = container.streams.video[0]
            sizes[degrees] = (stream.width, stream.height)
        described = json.loads(sidecar_path(table).read_text())
        assert tuple(described["frame_size_wh"]) == sizes[degrees]
    assert sizes == {"0": (640, 360), "90": (360, 640)}


def test_only_the_region_is_searched_and_positions_stay_the_frames() -> None:
    world = World()
    left, right = person(160.0), person(480.0)
    world.people = [left, right]
    pipeline = Pipeline(world.engine, persons=2, region=Region(320, 0, 320, 360))
    for index in range(30):
        poses = pipeline.process(Frame(world.image, index, index / 30, 0.0))
    assert len(poses) == 1
    np.testing.assert_allclose(poses[0].xy[:, 0].mean(), right[:, 0].mean(), atol=6.0)
    np.testing.assert_allclose(poses[0].xy[:, 1].mean(), right[:, 1].mean(), atol=6.0)


def test_windows_cover_the_region_and_nothing_else() -> None:
    region = Region(100, 50, 200, 100)
    boxes = region.windows(HW, (64, 48))
    assert (boxes[0].x1, boxes[0].y1, boxes[0].x2, boxes[0].y2) == (99.5, 49.5, 299.5, 149.5)
    assert min(box.x1 for box in boxes) >= 99.0
    assert max(box.x2 for box in boxes) <= 300.0


def test_a_region_is_cut_to_the_frame_and_one_outside_is_a_sentence() -> None:
    image = np.full((*HW, 3), 7, np.uint8)
    masked = Region(600, 300, 500, 500).only(image)
    assert masked[300:, 600:].min() == 7
    assert masked.sum() == 7 * 3 * 60 * 40
    assert image.min() == 7
    Region(600, 300, 500, 500).check(HW)
    with pytest.raises(UsageError, match=r"--roi 700,0,10,10 lies outside .* 640x360"):
        Region(700, 0, 10, 10).check(HW)


def test_a_picture_that_gets_smaller_than_the_region_is_searched_as_a_whole() -> None:
    whole = scan_windows((360, 640), (192, 160))
    for region in (Region(700, 0, 100, 100), Region(0, 400, 100, 100), Region(700, 400, 9, 9)):
        assert region.windows((360, 640), (192, 160)) == whole
    inside = Region(320, 60, 320, 300).windows((360, 640), (192, 160))
    assert min(window.x1 for window in inside) >= 320 - 160
    assert inside != whole


def test_a_region_outside_ends_a_run_with_that_sentence(
    tiny_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = [*RUN, "--model", str(tiny_path), "--source", "demo", "--roi", "0,400,9,9"]
    assert cli.main(run) == 2
    assert "error: --roi 0,400,9,9 lies outside the frame" in capsys.readouterr().err


@pytest.mark.parametrize(
    "typed", ["1,2,3", "1,2,0,5", "a,b,c,d", "-1,0,5,5", "1,2,3,4,5", "1.5,0,2,2"]
)
def test_what_is_no_region_is_refused(typed: str) -> None:
    with pytest.raises(UsageError, match="--roi"):
        build_parser().parse_args([f"--roi={typed}"])


def test_without_the_picture_window_and_snapshot_show_people_on_black(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    shown = {}
    for is_hidden in (False, True):
        display = ScriptedDisplay({3: "s"})
        outputs = Outputs(COCO17, 30.0, is_live=False)
        app = App(
            gray_source(6), Pipeline(FakeEngine()), display, outputs, is_picture_hidden=is_hidden
        )
        app.run()
        app.source.close()
        shown[is_hidden] = display.shown[-1]
        (snapshot,) = (tmp_path / "out").glob("*.png")
        picture = decode_picture(np.frombuffer(snapshot.read_bytes(), np.uint8))
        assert picture is not None
        assert (np.median(picture.astype(int)) == 0) == is_hidden
        snapshot.unlink()
    gray, black = shown[False], shown[True]
    shares = [[(one == level).all(axis=2).mean() for level in (200, 0)] for one in (gray, black)]
    assert shares[0][0] > 0.2
    assert shares[1][0] < 0.01
    assert shares[1][1] > 0.2
    assert (black.max(axis=2) > 60).any(), "people are drawn"


@pytest.mark.parametrize("is_hidden", [False, True])
def test_without_the_picture_none_is_sent_to_other_programs(*, is_hidden: bool) -> None:
    sent: list[NDArray[np.uint8]] = []

    class Channel(Live):
        """What page, virtual camera and all the others are given."""

        def offer(self, frame: Frame, *_: object) -> None:
            sent.append(frame.image_bgr)

    outputs = Outputs(COCO17, 30.0, is_live=False, live=Channel())
    source = gray_source(6)
    app = App(source, Pipeline(FakeEngine()), NullDisplay(), outputs, is_picture_hidden=is_hidden)
    app.run()
    source.close()
    assert len(sent) == 6
    assert all(picture.any() != is_hidden for picture in sent)


def test_without_the_picture_the_video_shows_none(tmp_path: Path, tiny_path: Path) -> None:
    film = tmp_path / "a.mp4"
    run = [*RUN, "--model", str(tiny_path), "--source", "demo", "--max-frames", "4"]
    assert cli.main([*run, "--skeleton-only", "--save-video", str(film)]) == 0
    with av.open(str(film)) as container:
        for frame in container.decode(video=0):
            assert np.median(frame.to_ndarray(format="gray")) < 25
