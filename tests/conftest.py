"""Shared fixtures: switches for what a machine lacks, and a real, tiny model file."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
from hypothesis import settings
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from steadypose.engines.skeletons.people import COCO17
from steadypose.engines.skeletons.skeleton import Skeleton
from steadypose.engines.spec import METADATA_KEY, ModelSpec
from steadypose.realtime.datatypes import Frame, Pose, State
from tests.support.optional import OPTIONAL
from tests.support.systems import IS_POSIX

for number in (signal.SIGINT, getattr(signal, "SIGHUP", signal.SIGINT)):
    # A shell in the background, or nohup, has them ignored, and programs inherit that; what has
    # a handler here is as usual for a program that a test starts.
    if signal.getsignal(number) == signal.SIG_IGN:
        signal.signal(number, lambda *_: None)

settings.register_profile("dev", max_examples=50, deadline=None)
settings.register_profile("ci", max_examples=200, deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "dev")

TINY_SPEC = ModelSpec(
    name="tiny",
    skeleton=COCO17,
    input_hw=(64, 48),
    decoder="none",
    weights={"source": "made by tests", "licence": "Apache-2.0"},
)


def pytest_configure() -> None:
    """`make test-all` leaves nothing out that it installs."""
    if os.environ.get("POSE_TEST_ALL") == "1":
        missing = [o.package for o in OPTIONAL if o.is_in_test_all and o.is_missing]
        if missing:
            raise pytest.UsageError(f"not installed: {', '.join(missing)}; run make setup-all")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what needs a package, or a system, that this machine lacks."""
    missing = [o for o in OPTIONAL if o.marker and o.is_missing]
    for item in items:
        for marker in () if IS_POSIX else item.iter_markers("posix"):
            (reason,) = marker.args
            item.add_marker(pytest.mark.skip(reason=f"not on this system: {reason}"))
        for optional in missing:
            if item.get_closest_marker(optional.marker):
                item.add_marker(pytest.mark.skip(reason=optional.sentence))


@pytest.fixture(autouse=True, scope="session")
def _own_settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The key that signs engines is not the user's; child processes see the same."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("XDG_CONFIG_HOME", "LOCALAPPDATA"):
            patch.setenv(name, str(tmp_path_factory.mktemp("settings")))
        yield


@pytest.fixture
def in_fp32(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every engine of this process computes alike, also where bf16 is faster."""
    engine = pytest.importorskip("steadypose.engines.backends.openvino_engine")
    monkeypatch.setattr(engine, "_gains_by_bf16", lambda: False)


@pytest.fixture(autouse=True)
def _one_opencv_thread() -> None:
    cv2.setNumThreads(1)


def tiny_model(spec: ModelSpec = TINY_SPEC, *, keypoints: int | None = None) -> onnx.ModelProto:
    """A real ONNX model of a kilobyte that keeps the contract.

    Keypoint k sits at (k, 2k) crop pixels; its score is the crop's mean brightness.
    """
    k = keypoints or spec.output_rows
    xy = np.stack((np.arange(k), 2 * np.arange(k)), 1).astype(np.float32)[None]
    height, width = spec.input_hw
    nodes = [
        helper.make_node("Cast", ["crops"], ["x"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["x", "axes"], ["mean"], keepdims=1),
        helper.make_node("Reshape", ["mean", "column"], ["m"]),
        helper.make_node("Div", ["m", "full"], ["s"]),
        helper.make_node("Mul", ["s", "zeros"], ["nothing"]),
        helper.make_node("Add", ["nothing", "xy"], ["places"]),
        helper.make_node("Mul", ["s", "ones"], ["scores"]),
        helper.make_node("Concat", ["places", "scores"], ["keypoints"], axis=2),
    ]
    constants = {
        "axes": np.array([1, 2, 3], np.int64),
        "column": np.array([-1, 1, 1], np.int64),
        "full": np.array(255, np.float32),
        "zeros": np.zeros((1, k, 2), np.float32),
        "xy": xy,
        "ones": np.ones((1, k, 1), np.float32),
    }
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("crops", TensorProto.UINT8, ["batch", height, width, 3])],
        [helper.make_tensor_value_info("keypoints", TensorProto.FLOAT, ["batch", k, 3])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    entry = model.metadata_props.add()
    entry.key, entry.value = METADATA_KEY, spec.to_json()
    onnx.checker.check_model(model)
    return model


@pytest.fixture
def tiny_path(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.onnx"
    path.write_bytes(tiny_model().SerializeToString())
    return path


@pytest.fixture
def make_frame() -> Callable[..., Frame]:
    def make(index: int = 0, time_s: float | None = None, value: int = 128) -> Frame:
        image: NDArray[np.uint8] = np.full((120, 160, 3), value, np.uint8)
        return Frame(image, index, index / 30 if time_s is None else time_s, 0.0)

    return make


def make_pose(
    *, skeleton: Skeleton = COCO17, lost: tuple[str, ...] = (), track_id: int = 1
) -> Pose:
    """A pose on a diagonal, with some keypoints lost."""
    k = len(skeleton)
    xy = np.stack((10.0 + np.arange(k), 20.0 + np.arange(k)), 1)
    state = np.full(k, State.MEASURED, np.int8)
    raw = xy + 0.5
    for name in lost:
        state[skeleton.index(name)] = State.LOST
        xy[skeleton.index(name)] = np.nan
        raw[skeleton.index(name)] = np.nan
    return Pose(xy, np.full(k, 0.5), raw, state, skeleton, track_id)
