"""Crops cut by a made-up GPU: right or not at all, each frame copied once, nothing made later."""

from __future__ import annotations

import ctypes
import shutil
import sys
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from steadypose.engines.backends.tensorrt import cropping, nvrtc
from steadypose.engines.backends.tensorrt.batches import in_batches
from steadypose.engines.backends.tensorrt.device_crop import SOURCE
from steadypose.engines.backends.tensorrt.engine import TensorRtEngine
from steadypose.engines.backends.tensorrt.lanes import Lane, Lanes
from steadypose.engines.backends.tensorrt.nvrtc import compile_source
from steadypose.engines.base import Cutter, Uncut, cut_all
from steadypose.engines.errors import EngineError
from steadypose.engines.options import EngineOptions
from steadypose.realtime.command.options.command_line import build_parser, to_settings
from steadypose.realtime.datatypes import BBox
from steadypose.realtime.sources.demo import DemoScene
from steadypose.realtime.tracking.crop import CropTransform, cut, place_crop
from tests.conftest import TINY_SPEC
from tests.engines.test_tensorrt_engine import crops
from tests.support.fake_cuda import FakeCuda
from tests.support.fake_gpu import open_on

PICTURES = {hw: DemoScene(size_hw=hw).draw(3) for hw in ((360, 640), (241, 319), (480, 853))}


@pytest.fixture
def cuda() -> FakeCuda:
    return FakeCuda()


def places(hw: tuple[int, int], count: int, seed: int = 0) -> list[CropTransform]:
    """Boxes in a frame, some of them partly or wholly outside."""
    rng = np.random.default_rng(seed)
    height, width = hw
    found = []
    for _ in range(count):
        x, y = rng.uniform(-0.4, 1.1) * width, rng.uniform(-0.4, 1.1) * height
        box = BBox(x, y, x + rng.uniform(0.1, 0.9) * width, y + rng.uniform(0.1, 0.9) * height)
        found.append(place_crop(box, size_hw=TINY_SPEC.input_hw, padding=1.25))
    return found


def frame_of(hw: tuple[int, int], count: int = 1, seed: int = 0, **more: Any) -> Uncut:
    return Uncut(PICTURES[hw], places(hw, count, seed), cut, **more)


def brightness(parts: list[Uncut]) -> Any:
    """What the made-up network says of crops that the CPU cuts."""
    found = cut_all(parts, TINY_SPEC.input_hw)
    return found.reshape(len(found), -1).mean(axis=1) / 255


def infer(engine: TensorRtEngine, *parts: Uncut) -> Any:
    engine.start_uncut(parts)
    return engine.finish()[:, 0, 2].copy()


GREY = 0.7 / 255  # of one level in most pixels


@pytest.mark.parametrize("package", ["pycuda", "cuda-python"])
@pytest.mark.parametrize("version", ["8.5.3.1", "10.3.0"])
def test_crops_of_any_frame_and_number_are_the_cpus(
    cuda: FakeCuda, monkeypatch: pytest.MonkeyPatch, package: str, version: str
) -> None:
    engine = open_on(cuda, monkeypatch, TINY_SPEC, package=package, version=version)
    assert isinstance(engine, Cutter)
    assert cuda.compiled_for == ["sm_89"]
    for seed, (hw, count) in enumerate((hw, count) for count in (1, 3, 8, 19) for hw in PICTURES):
        part = frame_of(hw, count, seed)
        np.testing.assert_allclose(infer(engine, part), brightness([part]), atol=GREY)
    assert engine.is_cutting
    assert engine.label.endswith(", crops by the GPU")
    assert engine.took_ms == pytest.approx(1.5)  # 19 are three batches
    engine.close()
    assert (cuda.memory, cuda.modules, cuda.graphs, cuda.contexts) == ({}, {}, {}, 0)


def test_frames_of_several_sources_are_one_batch_and_one_copy(
    cuda: FakeCuda, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = open_on(cuda, monkeypatch, TINY_SPEC)
    parts = [frame_of(hw, count, seed=9) for hw, count in zip(PICTURES, (2, 1, 3), strict=True)]
    infer(engine, *parts)
    launches, cuda.uploads = cuda.calls.count("cuLaunchKernel"), []
    graphs = cuda.calls.count("cuGraphLaunch")
    np.testing.assert_allclose(infer(engine, *parts), brightness(parts), atol=GREY)
    assert len(cuda.uploads) == 1
    assert cuda.calls.count("cuLaunchKernel") == launches + 3
    assert cuda.calls.count("cuGraphLaunch") == graphs + 1
    many = [frame_of(hw, 5, seed=3) for hw in PICTURES]  # 15: two batches, one frame in both
    np.testing.assert_allclose(infer(engine, *many), brightness(many), atol=GREY)
    engine.close()


def test_what_was_found_in_crops_and_in_frames_takes_turns(
    cuda: FakeCuda, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = open_on(cuda, monkeypatch, TINY_SPEC)
    part = frame_of((360, 640), 2)
    for value in (51, 204):
        np.testing.assert_allclose(infer(engine, part), brightness([part]), atol=GREY)
        assert engine.infer(crops(value))[0, 0, 2] == pytest.approx(value / 255)
    engine.close()


def test_a_frame_is_copied_once_only_where_it_is_needed_and_nothing_is_made_after_the_first(
    cuda: FakeCuda, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = open_on(cuda, monkeypatch, TINY_SPEC)
    image = PICTURES[480, 853]
    infer(engine, frame_of((480, 853), 1))
    infer(engine, frame_of((480, 853), 1))  # of two blocks, the second
    memory, calls = dict(cuda.memory), set(cuda.calls)
    made = [len(cuda.graphs), len(cuda.events), len(cuda.modules), len(cuda.pinned)]
    copies = 0
    real = np.copyto

    def counted(to: Any, source: Any, **more: Any) -> None:
        nonlocal copies
        copies += np.may_share_memory(source, image)
        real(to, source, **more)

    monkeypatch.setattr("steadypose.engines.backends.tensorrt.device_crop.np.copyto", counted)
    for seed in range(20):
        cuda.uploads.clear()
        part = frame_of((480, 853), 1 + seed % 8, seed)
        engine.stage(part)
        infer(engine, part)
        assert len(cuda.uploads) == 1
    assert copies == 20
    person = Uncut(image, [CropTransform(300, 100, 96, 128, TINY_SPEC.input_hw, 1)], cut)
    cuda.uploads.clear()
    infer(engine, person)
    assert cuda.uploads == [256 + 3 * 96 * 128]  # a whole frame has 1,228,320 bytes
    assert [*cuda.memory] == [*memory]
    assert made == [len(cuda.graphs), len(cuda.events), len(cuda.modules), len(cuda.pinned)]
    assert set(cuda.calls) == calls
    engine.close()


def test_the_next_frame_is_staged_while_the_gpu_works_on_this_one(
    cuda: FakeCuda, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = open_on(cuda, monkeypatch, TINY_SPEC)
    infer(engine, frame_of((360, 640)))
    parts = [frame_of((360, 640), 2, seed) for seed in range(6)]
    engine.stage(parts[0])
    for part, following in zip(parts, [*parts[1:], frame_of((360, 640))], strict=True):
        assert part.staged is not None
        engine.start_uncut([part])
        engine.stage(following)
        found = engine.finish()[:, 0, 2]
        np.testing.assert_allclose(found, brightness([part]), atol=GREY)
    engine.start_uncut([parts[3]])
    for part in (parts[4], parts[5], parts[1]):  # frames that nobody starts
        engine.stage(part)
    np.testing.assert_allclose(engine.finish()[:, 0, 2], brightness([parts[3]]), atol=GREY)
    stale = parts[0]  # its place in pinned memory has been taken since
    np.testing.assert_allclose(infer(engine, stale), brightness([stale]), atol=GREY)
    engine.close()


def listened(engine: TensorRtEngine) -> list[str]:
    said: list[str] = []
    engine.listen(said.append)
    return said


def test_without_the_compiler_the_cpu_cuts_and_it_is_said(
    cuda: FakeCuda, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nvrtc, "_packaged", list)
    monkeypatch.setattr(nvrtc, "_NAMES", ())
    monkeypatch.setattr(shutil, "which", lambda _: sys.executable)
    engine = open_on(cuda, monkeypatch, TINY_SPEC, crops="auto")
    (said,) = listened(engine)
    assert said.startswith("crops are cut by the CPU: CUDA's run-time compiler (libnvrtc) is not")
    assert "; pip install nvidia-cuda-nvrtc-cu12, or cut crops on the CPU" in said
    assert not engine.is_cutting
    assert "crops by the GPU" not in engine.label
    part = frame_of((360, 640))
    np.testing.assert_allclose(infer(engine, part), brightness([part]), atol=1e-6)
    engine.close()


def test_what_can_be_installed_is_installed_into_this_python(
    cuda: FakeCuda, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nvrtc, "_packaged", list)
    monkeypatch.setattr(nvrtc, "_NAMES", ())
    monkeypatch.setattr(shutil, "which", lambda _: None)
    monkeypatch.setattr(sys, "executable", "/opt/pose/bin/python")
    engine = open_on(cuda, monkeypatch, TINY_SPEC, crops="auto")
    (said,) = listened(engine)
    assert "; /opt/pose/bin/python -m pip install nvidia-cuda-nvrtc-cu12, or" in said
    engine.close()


def test_a_graph_of_uncut_crops_that_cannot_be_recorded_is_no_fault_of_the_others(
    cuda: FakeCuda, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Lanes.enqueue

    def enqueue(self: Lanes, lane: Lane, *, is_cut: bool = False) -> None:
        if is_cut and cuda.recording:
            raise EngineError("no second recording", fix="none")
        real(self, lane, is_cut=is_cut)

    monkeypatch.setattr(Lanes, "enqueue", enqueue)
    engine = open_on(cuda, monkeypatch, TINY_SPEC)
    assert len(cuda.graphs) == 4  # with their uploads, one for each batch size
    assert engine.label.endswith("buffers by pycuda")
    part = frame_of((360, 640))
    np.testing.assert_allclose(infer(engine, part), brightness([part]), atol=GREY)
    assert engine.label.endswith(", crops by the GPU without a CUDA graph (no second recording)")
    engine.close()
    assert (cuda.memory, cuda.modules, cuda.graphs, cuda.contexts) == ({}, {}, {}, 0)


def test_who_asks_for_nothing_gets_the_cpus_crops() -> None:
    assert EngineOptions().crops == "cpu"


@pytest.mark.parametrize(
    ("words", "way"),
    [
        (("--source", "0"), "auto"),
        (("--source", "clip.mp4"), "cpu"),
        (("--source", "clip.mp4", "--realtime"), "auto"),
        (("--source", "clip.mp4", "--crops", "auto"), "cpu"),
        (("--source", "clip.mp4", "--crops", "device"), "device"),
        (("--source", "0", "--crops", "cpu"), "cpu"),
        (("--source", "0", "--source", "clip.mp4"), "cpu"),
        (("--source", "0", "--source", "1"), "auto"),
    ],
)
def test_only_where_every_source_has_its_own_time_it_is_measured(
    words: tuple[str, ...], way: str
) -> None:
    settings = to_settings(build_parser().parse_args(list(words)), None)
    assert settings.engine_options(1).crops == way


def without(cuda: FakeCuda, *names: str) -> Any:
    """Its libraries, without some functions."""

    class Old(cuda.library_type):  # type: ignore[misc,name-defined]
        def __getattribute__(self, name: str) -> Any:
            if name in names:
                raise AttributeError(name)
            return super().__getattribute__(name)

    return Old


@pytest.mark.parametrize("name", ["nvrtcVersion", "nvrtcGetCUBINSize", "nvrtcGetCUBIN"])
def test_an_old_compiler_is_no_end_and_is_said(
    cuda: FakeCuda, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    cuda.library_type = without(cuda, "nvrtcGetNumSupportedArchs", name)
    engine = open_on(cuda, monkeypatch, TINY_SPEC, crops="auto")
    (said,) = listened(engine)
    assert said.startswith(
        "crops are cut by the CPU: CUDA's run-time compiler (libnvrtc) is too old: it has no "
        f"{name}; "
    )
    part = frame_of((360, 640))
    np.testing.assert_allclose(infer(engine, part), brightness([part]), atol=1e-6)
    engine.close()


def test_behind_an_old_compiler_a_newer_one_is_found(
    cuda: FakeCuda, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = without(cuda, "nvrtcGetNumSupportedArchs", "nvrtcGetCUBINSize")(cuda)
    monkeypatch.setattr(nvrtc, "_packaged", list)
    open_on(cuda, monkeypatch, TINY_SPEC, crops="cpu").close()  # puts the made-up CUDA in place
    monkeypatch.setattr(
        ctypes, "CDLL", lambda name, **_: old if name == nvrtc._NAMES[0] else cuda.library
    )
    compile_source(SOURCE.read_bytes(), SOURCE.name, capability="8.9", cuda="12.4")
    assert cuda.compiled_for == ["sm_89"]


@pytest.mark.parametrize("call", ["cuModuleLoadData", "cuModuleGetFunction"])
def test_a_kernel_that_the_driver_refuses_is_said(
    cuda: FakeCuda, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    cuda.fails[call] = 200
    engine = open_on(cuda, monkeypatch, TINY_SPEC)
    (said,) = listened(engine)
    assert said.startswith(f"crops are cut by the CPU: CUDA's {call} failed")
    assert cuda.modules == {}
    assert engine.infer(crops(51))[0, 0, 2] == pytest.approx(0.2)
    engine.close()
    assert cuda.contexts == 0


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize(("grey_levels", "is_taken"), [(1, True), (2, False), (60, False)])
def test_crops_that_differ_from_the_cpus_are_found_out_on_the_first_frame(
    cuda: FakeCuda, monkeypatch: pytest.MonkeyPatch, *, grey_levels: int, is_taken: bool, count: int
) -> None:
    cuda.brighter = grey_levels
    # A plain picture: no rounding is beside what is wrong.
    plain = Uncut(np.full((90, 160, 3), 100, np.uint8), places((90, 160), count), cut)
    engine = open_on(cuda, monkeypatch, TINY_SPEC)
    said = listened(engine)
    found = infer(engine, plain)
    assert engine.is_cutting is is_taken
    if not is_taken:
        assert said == [
            "crops are cut by the CPU: the GPU's failed (they differ from the CPU's by "
            f"{grey_levels} grey levels)"
        ]
        np.testing.assert_allclose(found, brightness([plain]), atol=1e-6)
    engine.close()


def test_crops_that_could_not_be_compared_with_the_cpus_are_not_taken(
    cuda: FakeCuda, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(parts: Any) -> Any:
        raise EngineError("no answer", fix="none")

    engine = open_on(cuda, monkeypatch, TINY_SPEC)
    monkeypatch.setattr(engine, "_cut", fail)
    part = frame_of((360, 640))
    np.testing.assert_allclose(infer(engine, part), brightness([part]), atol=1e-6)
    assert listened(engine) == ["crops are cut by the CPU: the GPU's failed (no answer)"]
    engine.close()


@pytest.mark.parametrize("fails_at", [0, 3])
def test_a_kernel_that_fails_at_once_or_in_the_middle_of_a_run_loses_no_frame(
    cuda: FakeCuda, monkeypatch: pytest.MonkeyPatch, fails_at: int
) -> None:
    engine = open_on(cuda, monkeypatch, TINY_SPEC)
    said = listened(engine)
    for seed in range(6):
        if seed == fails_at:
            cuda.fails["cuLaunchKernel"] = 701
        part = frame_of((360, 640), 3, seed)
        engine.stage(part)
        atol = GREY if seed < fails_at else 1e-6
        np.testing.assert_allclose(infer(engine, part), brightness([part]), atol=atol)
    assert not engine.is_cutting
    (sentence,) = said
    assert sentence.startswith("crops are cut by the CPU: the GPU's failed (CUDA's cuLaunchKernel")
    engine.close()
    assert (cuda.memory, cuda.modules) == ({}, {})


def test_a_frame_that_is_a_little_larger_takes_at_most_twice_the_memory(
    cuda: FakeCuda, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = open_on(cuda, monkeypatch, TINY_SPEC)
    for height in (241, 241, 242, 242):  # there are two blocks
        image = np.zeros((height, 319, 3), np.uint8)
        whole = CropTransform(0, 0, 319, height, TINY_SPEC.input_hw, 2)
        infer(engine, Uncut(image, [whole], cut))
    largest = max(block.size for block in cuda.memory.values())
    assert largest <= 2.1 * 3 * 242 * 319
    engine.close()


def test_no_memory_for_a_larger_frame_is_no_end(
    cuda: FakeCuda, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = open_on(cuda, monkeypatch, TINY_SPEC)
    said = listened(engine)
    infer(engine, frame_of((241, 319)))
    cuda.fails["mem_alloc"] = 2
    large = frame_of((480, 853), 2)
    engine.stage(large)
    np.testing.assert_allclose(infer(engine, large), brightness([large]), atol=1e-6)
    assert "cuMemAlloc failed" in said[0]
    engine.close()


def test_a_gpu_that_is_lost_is_told_as_that(
    cuda: FakeCuda, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = open_on(cuda, monkeypatch, TINY_SPEC)
    said = listened(engine)
    infer(engine, frame_of((360, 640)))
    cuda.is_lost = True
    with pytest.raises(EngineError, match="made-up error 719"):
        engine.start_uncut([frame_of((360, 640))])
    assert said == []
    engine.close()


class Clock:
    """Time that passes only while somebody cuts."""

    def __init__(self, cuda: FakeCuda, *, gpu_ms: float, cpu_ms: float) -> None:
        self.now_s, self._cpu_ms = 0.0, cpu_ms
        real = cuda.cut

        def on_gpu(grid: tuple[int, int, int], values: list[int]) -> None:
            self.now_s += gpu_ms / 1e3
            real(grid, values)

        cuda.cut = on_gpu  # type: ignore[method-assign]

    def on_cpu(self, image: Any, place: CropTransform, out: Any) -> None:
        self.now_s += self._cpu_ms / 1e3
        cut(image, place, out)


@pytest.mark.parametrize(
    ("gpu_ms", "cpu_ms", "persons", "winner"),
    [(0.2, 0.3, 1, "GPU"), (0.4, 0.3, 1, "CPU"), (0.4, 0.3, 2, "GPU")],
)
def test_whoever_is_faster_with_as_many_people_as_are_followed_cuts(
    cuda: FakeCuda, monkeypatch: pytest.MonkeyPatch, gpu_ms: float, cpu_ms: float, persons: int,
    winner: str,
) -> None:  # fmt: skip
    clock = Clock(cuda, gpu_ms=gpu_ms, cpu_ms=cpu_ms)
    told = SimpleNamespace(perf_counter=lambda: clock.now_s)
    monkeypatch.setattr(cropping, "time", told)
    engine = open_on(cuda, monkeypatch, TINY_SPEC, crops="auto")
    said = listened(engine)
    hw = (360, 640)
    part = Uncut(PICTURES[hw], places(hw, 8), clock.on_cpu, usual=places(hw, persons, 1))
    np.testing.assert_allclose(infer(engine, part), brightness([part]), atol=GREY)
    assert engine.is_cutting is (winner == "GPU")
    assert said == [
        f"crops are cut by the {winner}: a frame takes {gpu_ms:.2f} ms with the GPU's, "
        f"{cpu_ms * persons:.2f} ms with the CPU's"
    ]
    infer(engine, part)
    assert len(said) == 1
    assert engine.took_ms == pytest.approx(0.5)  # not what measuring took
    engine.close()


def test_only_the_cpu_is_to_cut(cuda: FakeCuda, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = open_on(cuda, monkeypatch, TINY_SPEC, crops="cpu")
    assert not engine.is_cutting
    assert (cuda.compiled_for, cuda.modules) == ([], {})
    assert len(cuda.graphs) == 4  # one for each batch size
    assert listened(engine) == []
    engine.close()


def test_starting_twice_and_a_closed_engine_are_errors(
    cuda: FakeCuda, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = open_on(cuda, monkeypatch, TINY_SPEC)
    engine.start_uncut([frame_of((360, 640))])
    with pytest.raises(EngineError, match="start was called twice"):
        engine.start_uncut([frame_of((360, 640))])
    engine.close()
    with pytest.raises(EngineError, match="closed"):
        engine.start_uncut([frame_of((360, 640))])


def test_parts_are_divided_only_where_they_do_not_fit() -> None:
    parts = [frame_of((360, 640), count) for count in (3, 5, 9, 1)]
    batches = list(in_batches(parts, 8))
    assert [[len(part) for part in batch] for batch in batches] == [[3, 5], [8], [1, 1]]
    assert batches[0][0] is parts[0]
    given = [place for batch in batches for part in batch for place in part.places]
    assert given == [place for part in parts for place in part.places]
