"""The real pipeline and network on a made-up GPU that cuts the crops: as if the CPU cut them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from steadypose.engines.backends.fake_engine import FakeEngine
from steadypose.engines.backends.tensorrt.engine import TensorRtEngine
from steadypose.engines.base import Cutter, Engine, Uncut, cut_all
from steadypose.engines.errors import EngineError
from steadypose.engines.model_file import read_spec
from steadypose.realtime.datatypes import Frame, Pose
from steadypose.realtime.model.places import QUALITIES
from steadypose.realtime.model.recovering import RecoveringEngine
from steadypose.realtime.model.sharing import SharedEngine
from steadypose.realtime.sources.demo import DemoScene
from steadypose.realtime.tracking.pipeline import Pipeline
from steadypose.realtime.tracking.region import Region
from steadypose.realtime.tracking.stream import Stream
from tests.support.fake_cuda import FakeCuda
from tests.support.fake_gpu import Network, open_on

SPEC = read_spec(QUALITIES["fast"])
FRAMES = 12


@pytest.fixture(scope="module")
def network() -> Network:
    """The network that ships, of any number of crops."""
    onnxruntime: Any = pytest.importorskip("onnxruntime")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        str(QUALITIES["fast"]), options, providers=["CPUExecutionProvider"]
    )

    def run(crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        found: NDArray[np.float32] = session.run(None, {"crops": np.ascontiguousarray(crops)})[0]
        return found

    return run


@pytest.fixture(scope="module")
def on_cpu(network: Network) -> list[list[Pose]]:
    """One person, whose crops the CPU cuts."""
    return follow(FakeEngine(SPEC, answer=network), demo())


@pytest.fixture
def cuda() -> FakeCuda:
    return FakeCuda()


@cache
def demo(hw: tuple[int, int] = (360, 640), *, persons: int = 1) -> list[NDArray[np.uint8]]:
    scene = DemoScene(size_hw=hw, persons=persons)
    return [scene.draw(index) for index in range(FRAMES)]


def follow(
    engine: Engine, pictures: list[NDArray[np.uint8]], *, persons: int = 1,
    region: Region | None = None, before: Callable[[int], None] = lambda _: None,
) -> list[list[Pose]]:  # fmt: skip
    pipeline = Pipeline(engine, persons=persons, region=region)
    found = []
    for index, picture in enumerate(pictures):
        before(index)
        found.append(pipeline.process(Frame(picture, index, index / 30, 0.0), is_smooth=False))
    return found


def assert_alike(found: list[list[Pose]], wanted: list[list[Pose]]) -> None:
    """The same people, about as far apart as rounding explains.

    A crop's edges are whole pixels that follow the pose, so that one grey level in some pixels
    may move the next crop by one. Noise of one level on 2 % of the CPU's own crops does the same:
    1.0 px in the 95th percentile, 2.9 in the 99th, and with three people 2.5 and 5.5.
    """
    assert sum(map(len, wanted)) > len(wanted) / 3
    assert [[p.track_id for p in frame] for frame in found] == [
        [p.track_id for p in frame] for frame in wanted
    ]
    pairs = [p for frames in zip(found, wanted, strict=True) for p in zip(*frames, strict=True)]
    far = np.concatenate([np.abs(a.xy - b.xy)[b.score > 0.4].ravel() for a, b in pairs])
    assert np.nanmedian(far) < 0.4
    assert np.nanpercentile(far, 90) < 3.0


class Watched:
    """A GPU whose network looks at its crops: are they those that the CPU would have cut?

    Args:
        cuda: The GPU.
        monkeypatch: For its packages.
        network: What finds the people.
    """

    def __init__(self, cuda: FakeCuda, monkeypatch: pytest.MonkeyPatch, network: Network) -> None:
        self._cuda, self._monkeypatch, self._network = cuda, monkeypatch, network
        self._wanted = np.empty((0, *SPEC.input_hw, 3), np.uint8)
        self.compared = 0

    def open(self, crops: str = "device") -> TensorRtEngine:
        self._wanted = self._wanted[:0]  # a batch that never came to the network
        engine = open_on(self._cuda, self._monkeypatch, SPEC, crops=crops, network=self._look)
        start = engine.start_uncut

        def watched(parts: Sequence[Uncut]) -> None:
            self._wanted = cut_all(parts, SPEC.input_hw)
            start(parts)

        self._monkeypatch.setattr(engine, "start_uncut", watched)
        return engine

    def _look(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        wanted, self._wanted = self._wanted[: len(crops)], self._wanted[len(crops) :]
        if len(wanted):
            apart = np.abs(crops[: len(wanted)].astype(int) - wanted)
            assert apart.max() <= 1
            self.compared += len(wanted)
        return self._network(crops)


@pytest.fixture
def gpu(cuda: FakeCuda, monkeypatch: pytest.MonkeyPatch, network: Network) -> Iterator[Watched]:
    made = Watched(cuda, monkeypatch, network)
    yield made
    assert made.compared > 0


@pytest.mark.parametrize("persons", [1, 3])
def test_one_and_several_people_are_found_as_in_the_cpus_crops(
    gpu: Watched, network: Network, persons: int
) -> None:
    pictures = demo(persons=persons)
    wanted = follow(FakeEngine(SPEC, answer=network), pictures, persons=persons)
    engine = gpu.open()
    found = follow(engine, pictures, persons=persons)
    assert engine.is_cutting
    assert_alike(found, wanted)
    assert max(map(len, wanted)) == min(persons, 2)  # the third is found later
    engine.close()


def turned(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """As of a camera that hangs on its side, turned back by --rotate."""
    return np.rot90(np.ascontiguousarray(np.rot90(picture)), -1)


def mirrored(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return picture[:, ::-1]


def odd(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return picture[:341, 7:]


def grey(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """As a monochrome camera's: one channel, shown as three."""
    return np.broadcast_to(picture[..., 1:2], picture.shape)


@pytest.mark.parametrize("change", [turned, mirrored, odd, grey])
def test_frames_may_be_views_of_others(
    gpu: Watched, network: Network, change: Callable[..., Any]
) -> None:
    pictures = [change(picture) for picture in demo()]
    wanted = follow(FakeEngine(SPEC, answer=network), pictures)
    engine = gpu.open()
    assert_alike(follow(engine, pictures), wanted)
    assert engine.is_cutting
    engine.close()


def test_a_frame_of_another_size_in_the_middle_of_a_run(
    cuda: FakeCuda, gpu: Watched, network: Network
) -> None:
    sizes = [(360, 640)] * 4 + [(240, 320)] * 2 + [(480, 853)] * 4 + [(360, 640)] * 2
    pictures = [DemoScene(size_hw=hw).draw(index) for index, hw in enumerate(sizes)]
    wanted = follow(FakeEngine(SPEC, answer=network), pictures)
    engine = gpu.open()
    assert_alike(follow(engine, pictures), wanted)
    assert engine.is_cutting
    engine.close()
    assert cuda.memory == {}


def test_outside_the_region_everything_is_black(gpu: Watched, network: Network) -> None:
    pictures, region = demo(), Region(150, 0, 340, 360)
    wanted = follow(FakeEngine(SPEC, answer=network), pictures, region=region)
    engine = gpu.open()
    assert_alike(follow(engine, pictures, region=region), wanted)
    assert engine.is_cutting
    engine.close()


def test_each_frame_is_uploaded_once_and_nothing_is_allocated_after_the_first(
    cuda: FakeCuda, gpu: Watched, network: Network
) -> None:
    engine = gpu.open()
    kept: list[Any] = []

    def before(index: int) -> None:
        if index == 1:
            cuda.uploads.clear()
            cuda.calls.clear()
            kept[:] = [sorted(cuda.memory), len(cuda.graphs), len(cuda.events)]

    follow(engine, demo(), before=before)
    assert len(cuda.uploads) == FRAMES - 1
    assert max(cuda.uploads) < 360 * 640 * 3  # one person is less than the picture
    assert set(cuda.calls) == {"cuEventRecord", "cuLaunchKernel", "cuGraphLaunch",
                               "cuEventElapsedTime"}  # fmt: skip
    assert kept == [sorted(cuda.memory), len(cuda.graphs), len(cuda.events)]
    engine.close()


@pytest.mark.parametrize("failure", ["kernel", "gpu"])
def test_what_fails_in_the_middle_of_a_run_loses_no_frame(
    cuda: FakeCuda, gpu: Watched, on_cpu: list[list[Pose]], failure: str
) -> None:
    pictures = demo()
    said: list[str] = []
    first = gpu.open()
    first.listen(said.append)

    def again() -> Engine:
        return gpu.open("cpu")

    engine = RecoveringEngine(first, (again,), say=said.append)

    def before(index: int) -> None:
        if index == 6:
            assert engine.is_cutting
            if failure == "kernel":
                cuda.fails["cuLaunchKernel"] = 701
            else:
                cuda.is_lost = True

    assert_alike(follow(engine, pictures, before=before), on_cpu)
    assert not engine.is_cutting
    (sentence,) = said
    told = (
        "crops are cut by the CPU"
        if failure == "kernel"
        else "the engine failed (CUDA's cuEventRecord"
    )
    assert sentence.startswith(told)
    engine.close()
    assert (cuda.memory, cuda.modules, cuda.contexts) == ({}, {}, 0)


def test_a_gpu_that_is_lost_with_a_frame_in_it_gives_its_poses_from_the_cpu(
    cuda: FakeCuda, gpu: Watched, network: Network, on_cpu: list[list[Pose]]
) -> None:
    pictures = demo()
    first = gpu.open()
    last = FakeEngine(SPEC, answer=network)
    engine = RecoveringEngine(first, (lambda: last,), say=lambda _: None)
    pipeline = Pipeline(engine)
    found = []
    for index, picture in enumerate(pictures):
        crops = pipeline.prepare(Frame(picture, index, index / 30, 0.0))
        pipeline.start(crops)
        cuda.is_lost = index == 6
        pipeline.complete(crops, pipeline.finish(crops))
        found.append(pipeline.poses(is_smooth=False))
    assert engine.label == "fake"
    assert_alike(found, on_cpu)
    engine.close()


def test_whether_an_engine_cuts_is_looked_up_once_and_again_after_a_loss(
    cuda: FakeCuda, gpu: Watched, monkeypatch: pytest.MonkeyPatch, network: Network
) -> None:
    asked: list[Any] = []
    real = type(Cutter).__instancecheck__

    def counted(kind: Any, thing: Any) -> bool:
        if kind is Cutter:
            asked.append(type(thing))
        return real(kind, thing)

    monkeypatch.setattr(type(Cutter), "__instancecheck__", counted)
    last = FakeEngine(SPEC, answer=network)
    shared = SharedEngine(lambda: RecoveringEngine(gpu.open(), (lambda: last,), say=lambda _: None))
    nested = RecoveringEngine(shared.share(), (), say=lambda _: None)
    counts: list[int] = []

    def before(index: int) -> None:
        counts.append(len(asked))
        assert nested.is_cutting is (index <= 8)
        cuda.is_lost = index == 8

    follow(nested, demo(), before=before)
    assert counts[1] == counts[8] > 0
    assert counts[9:] == [counts[8] + 1] * (FRAMES - 9)  # of the successor
    shared.close()


class Kept:
    """A source of pictures, read ahead."""

    label, is_live, is_paced, fps, dropped, trouble = "kept", False, False, 30.0, 0, None
    remarks: tuple[str, ...] = ()

    def __init__(self, pictures: list[NDArray[np.uint8]]) -> None:
        self._left = iter(enumerate(pictures))
        self.frame_count, self.is_over = len(pictures), False

    def read(self, timeout_s: float) -> Frame | None:
        del timeout_s
        index, picture = next(self._left, (0, None))
        self.is_over = picture is None
        return None if picture is None else Frame(picture, index, index / 30, 0.0)

    def close(self) -> None:
        """Nothing."""


def test_a_files_next_frame_is_in_pinned_memory_before_the_gpu_is_done_with_this_one(
    gpu: Watched, monkeypatch: pytest.MonkeyPatch, network: Network
) -> None:
    def poses(engine: Engine) -> Iterator[list[Pose]]:
        pipeline = Pipeline(engine)
        stream = Stream(Kept(demo()), pipeline, lambda _: pipeline.poses(is_smooth=False))
        yield from (found for found in stream.run() if found is not None)

    engine = gpu.open()
    events: list[str] = []
    stage, start, finish = engine.stage, engine.start_uncut, engine.finish

    def staged(part: Any) -> None:
        stage(part)
        events.append("stage" if part.staged is not None else "nothing staged")

    def started(parts: Sequence[Uncut]) -> None:
        events.append("start")
        start(parts)

    def finished() -> Any:
        events.append("finish")
        return finish()

    for name, work in (("stage", staged), ("start_uncut", started), ("finish", finished)):
        monkeypatch.setattr(engine, name, work)
    found = list(poses(engine))
    assert_alike(found, list(poses(FakeEngine(SPEC, answer=network))))
    first = events.index("stage")
    assert events[first : first + 7] == [
        *("stage", "start"),
        *("stage", "finish", "start"),
        *("stage", "finish"),
    ]
    engine.close()


@pytest.mark.parametrize("grey_levels", [0, 9])
def test_several_sources_of_other_sizes_share_the_gpu(
    cuda: FakeCuda, gpu: Watched, network: Network, grey_levels: int
) -> None:
    cuda.brighter = grey_levels  # at 9 it gives up at its first frame
    sizes = ((360, 640), (240, 320))
    films = [demo(hw) for hw in sizes]
    wanted = [follow(FakeEngine(SPEC, answer=network), film) for film in films]
    shared = SharedEngine(gpu.open)
    pipelines = [Pipeline(shared.share()) for _ in films]
    found: list[list[list[Pose]]] = [[], []]
    for index in range(FRAMES):
        batches = []
        for pipeline, film in zip(pipelines, films, strict=True):
            batches.append(pipeline.prepare(Frame(film[index], index, index / 30, 0.0)))
            pipeline.start(batches[-1])
        for pipeline, batch, poses in zip(pipelines, batches, found, strict=True):
            pipeline.complete(batch, pipeline.finish(batch))
            poses.append(pipeline.poses(is_smooth=False))
    for one, other in zip(found, wanted, strict=True):
        assert_alike(one, other)
    assert shared.is_cutting is (grey_levels == 0)
    assert 2 in shared.batches
    shared.close()
    assert cuda.contexts == 0
    with pytest.raises(EngineError, match="closed"):
        pipelines[0].start(batches[0])
