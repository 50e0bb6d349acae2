"""The GPU's crops: the kernel's arithmetic against the CPU's, and the kernel itself as C."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from steadypose.engines.backends.tensorrt import nvrtc
from steadypose.engines.backends.tensorrt.device_crop import SOURCE
from steadypose.engines.backends.tensorrt.nvrtc import compile_source
from steadypose.engines.errors import EngineError, EngineUnavailableError
from steadypose.realtime.datatypes import BBox
from steadypose.realtime.sources.demo import DemoScene
from steadypose.realtime.tracking.crop import CropTransform, cut, place_crop
from tests.support.fake_cuda import FakeCuda
from tests.support.kernel import cut_reference

SIZES = ((192, 128), (224, 192), (256, 192))
FRAMES = ((360, 640), (241, 319), (480, 853), (101, 1001))  # odd ones too


def pictures() -> list[Any]:
    """Noise, the hardest, and the demo, in frames of all sizes."""
    rng = np.random.default_rng(0)
    found = []
    for height, width in FRAMES:
        found.append(rng.integers(0, 256, (height, width, 3), dtype=np.uint8))
        found.append(DemoScene(size_hw=(height, width)).draw(7))
    return found


def boxes(count: int) -> list[tuple[int, CropTransform]]:
    """Random boxes, from a few pixels to far beyond the frame, each with the picture it is in."""
    rng = np.random.default_rng(1)
    kept = pictures()
    found = []
    for number in range(count):
        which = number % len(kept)
        height, width = kept[which].shape[:2]
        w, h = width * 10 ** rng.uniform(-1.7, 0.4), height * 10 ** rng.uniform(-1.7, 0.4)
        x, y = rng.uniform(-0.3, 1.1) * width - w / 2, rng.uniform(-0.3, 1.1) * height - h / 2
        box = BBox(x, y, x + w, y + h)
        size_hw = SIZES[number % len(SIZES)]
        found.append((which, place_crop(box, size_hw=size_hw, padding=1.25)))
    return found


def numbers(place: CropTransform) -> tuple[int, int, int, int, int]:
    return place.left, place.top, place.width, place.height, place.halvings


def on_cpu(image: Any, place: CropTransform) -> Any:
    out = np.empty((*place.size_hw, 3), np.uint8)
    cut(image, place, out)
    return out


def test_the_kernels_arithmetic_is_the_cpus_within_a_grey_level_on_a_thousand_boxes() -> None:
    kept = pictures()
    halvings, empty = set(), 0
    for which, place in boxes(1000):
        wanted = on_cpu(kept[which], place)
        found = cut_reference(kept[which], numbers(place), place.size_hw)
        assert np.abs(found.astype(int) - wanted.astype(int)).max() <= 1, (which, place)
        halvings.add(place.halvings)
        empty += not wanted.any()
    assert halvings >= {0, 1, 2}
    assert 0 < empty < 500


@pytest.fixture(scope="module")
def kernel(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The functions of the kernel, compiled for this processor."""
    if shutil.which("gcc") is None:
        pytest.skip("needs gcc")
    folder = tmp_path_factory.mktemp("kernel")
    source = SOURCE.read_text() + (
        "\nvoid cut_all(const unsigned char *frame, int frame_h, int frame_w, const int *box,\n"
        "             unsigned char *out, int crop_h, int crop_w) {\n"
        "  for (int y = 0; y < crop_h; y++)\n    for (int x = 0; x < crop_w; x++)\n"
        "      cut_pixel(frame, frame_h, frame_w, box, out + 3 * (y * crop_w + x), crop_h, crop_w,"
        " x, y);\n}\n"
    )
    (folder / "kernel.c").write_text(source)
    library = folder / "kernel.so"
    subprocess.run(
        ["gcc", "-O2", "-Wall", "-Werror", "-shared", "-fPIC", "-o", library, folder / "kernel.c"],
        check=True,
    )
    return ctypes.CDLL(str(library))


def test_the_kernel_itself_computes_what_its_reference_says(kernel: Any) -> None:
    kept = [np.ascontiguousarray(image) for image in pictures()]
    halvings = set()
    for which, place in boxes(200):
        image, (height, width) = kept[which], place.size_hw
        out = np.empty((height, width, 3), np.uint8)
        kernel.cut_all(
            image.ctypes.data_as(ctypes.c_void_p), image.shape[0], image.shape[1],
            (ctypes.c_int * 5)(*numbers(place)), out.ctypes.data_as(ctypes.c_void_p),
            height, width,
        )  # fmt: skip
        wanted = cut_reference(image, numbers(place), place.size_hw)
        difference = np.abs(out.astype(int) - wanted.astype(int))
        assert difference.max() <= 1, (which, place)
        assert np.mean(difference != 0) < 0.01
        assert np.abs(out.astype(int) - on_cpu(image, place).astype(int)).max() <= 1
        halvings.add(place.halvings)
    assert halvings >= {0, 1, 2, 3}


def compiled(capability: str, cuda: str = "13.0") -> bytes:
    return compile_source(SOURCE.read_bytes(), SOURCE.name, capability=capability, cuda=cuda)


def test_nvrtc_compiles_it_for_every_generation_where_it_is_installed() -> None:
    try:
        compiled("8.6")
    except EngineUnavailableError:
        pytest.skip("needs nvidia-cuda-nvrtc")
    for capability in ("7.5", "8.6", "9.0", "12.0"):
        code = compiled(capability)
        assert code.startswith((b"\x7fELF", b"//"))
        assert b"cut_crops" in code


def made_up(monkeypatch: pytest.MonkeyPatch) -> FakeCuda:
    cuda = FakeCuda()
    monkeypatch.setattr(ctypes, "CDLL", lambda *_, **__: cuda.library)
    return cuda


def test_machine_code_is_asked_for_where_the_compiler_knows_the_gpu(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cuda = made_up(monkeypatch)
    for capability in ("7.5", "9.0", "12.1"):
        compiled(capability)
    # The newest that it knows: the driver compiles the rest.
    assert cuda.compiled_for == ["sm_75", "sm_90", "compute_90"]
    with pytest.raises(EngineUnavailableError, match=r"no compute capability 6\.1 any more"):
        compiled("6.1")


def test_a_compiler_of_a_later_cuda_than_the_drivers_is_not_taken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cuda = made_up(monkeypatch)
    cuda.nvrtc = (13, 0)
    with pytest.raises(EngineUnavailableError, match=r"is of CUDA 13\.0, the driver knows 12"):
        compiled("8.9", "12.9")
    assert cuda.compiled_for == []
    compiled("8.9", "13.0")


def test_what_the_compiler_refuses_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    cuda = made_up(monkeypatch)
    cuda.fails["nvrtcCompileProgram"] = 6
    with pytest.raises(EngineError, match=r"NVRTC refuses device_crop\.cu for sm_89"):
        compiled("8.9")


def test_what_fails_within_the_compiler_is_a_sentence_with_its_own_words(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cuda = made_up(monkeypatch)
    cuda.fails["nvrtcCreateProgram"] = 5
    with pytest.raises(EngineError, match=r"nvrtcCreateProgram failed \(5\): made-up error 5"):
        compiled("8.9")


def test_without_nvrtc_it_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str, **_: Any) -> Any:
        raise OSError(name)

    monkeypatch.setattr(ctypes, "CDLL", missing)
    with pytest.raises(EngineUnavailableError, match="libnvrtc"):
        compiled("8.9")


def test_of_several_compilers_that_pip_installed_the_newest_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("cuda_nvrtc/lib/libnvrtc.so.11.2", "cuda_nvrtc/lib/libnvrtc.so.12",
                 "cu13/lib/libnvrtc.so.13"):  # fmt: skip
        path = tmp_path / "nvidia" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    cuda, asked = FakeCuda(), list[str]()

    def load(name: str, **_: Any) -> Any:
        asked.append(Path(name).name)
        return cuda.library

    monkeypatch.setattr(nvrtc, "sys", SimpleNamespace(path=[str(tmp_path)]))
    monkeypatch.setattr(ctypes, "CDLL", load)
    compiled("8.9")
    assert asked == ["libnvrtc.so.13"]
