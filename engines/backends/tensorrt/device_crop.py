"""Cutting crops on the GPU: the kernel ``device_crop.cu``, compiled by NVRTC.

Not used by the app yet: ``benchmarks/gpu`` compares it with the CPU's crops and measures whether
uploading the whole frame pays. ``cut_reference`` is its arithmetic in NumPy.
"""

from __future__ import annotations

import ctypes
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from steadypose.engines.errors import EngineError, EngineUnavailableError

SOURCE = Path(__file__).with_suffix(".cu")
_NAMES = (
    *("libnvrtc.so", "libnvrtc.so.13", "libnvrtc.so.12", "libnvrtc.so.11.2"),
    *("nvrtc64_130_0.dll", "nvrtc64_120_0.dll"),
)


def cut_reference(
    image_bgr: NDArray[np.uint8], box: tuple[int, int, int, int, int], size_hw: tuple[int, int]
) -> NDArray[np.uint8]:
    """What the kernel computes.

    Args:
        image_bgr: (H, W, 3) uint8 frame.
        box: Left, top, width and height in frame pixels, and halvings; see ``CropTransform``.
        size_hw: Crop size, crop pixels.

    Returns:
        (h, w, 3) uint8 crop.
    """
    left, top, width, height, halvings = box
    step = 1 << halvings
    frame_h, frame_w = image_bgr.shape[:2]
    ys, xs = top + np.arange(height), left + np.arange(width)
    inside = np.ix_(np.clip(ys, 0, frame_h - 1), np.clip(xs, 0, frame_w - 1))
    value = image_bgr[inside].astype(np.int32)
    for _ in range(halvings):
        upper = value[0::2, 0::2] + value[0::2, 1::2]
        value = (upper + value[1::2, 0::2] + value[1::2, 1::2] + 2) >> 2
    is_row = (ys[::step] >= 0) & (ys[::step] + step <= frame_h)
    is_column = (xs[::step] >= 0) & (xs[::step] + step <= frame_w)
    value = value * (is_row[:, None] & is_column)[..., None]
    rows, b = _between(value.shape[0], size_hw[0])
    columns, a = _between(value.shape[1], size_hw[1])
    a, b = a[:, None], b[:, None, None]
    above, below = (
        (1 - a) * value[row][:, columns[0]] + a * value[row][:, columns[1]] for row in rows
    )
    return ((1 - b) * above + b * below + np.float32(0.5)).astype(np.uint8)


def _between(
    full: int, size: int
) -> tuple[tuple[NDArray[np.int64], NDArray[np.int64]], NDArray[np.float32]]:
    """For each pixel of an axis, the two it lies between, and how near it is to the second."""
    centre = (np.arange(size, dtype=np.float32) + np.float32(0.5)) * np.float32(full / size)
    place = np.clip(centre - np.float32(0.5), 0, full - 1)
    first = place.astype(np.int64)
    return (first, np.minimum(first + 1, full - 1)), (place - first).astype(np.float32)


def compile_kernel(capability: str) -> bytes:
    """PTX of the kernel for a compute capability, such as ``8.9``; needs no GPU.

    Raises:
        EngineUnavailableError: NVRTC is not installed.
        EngineError: It refuses the source.
    """
    nvrtc = _load_nvrtc()
    program = ctypes.c_void_p()
    source = SOURCE.read_bytes()
    code = nvrtc.nvrtcCreateProgram(ctypes.byref(program), source, b"device_crop.cu", 0, None, None)
    if code:
        raise EngineError(f"NVRTC takes no program (code {code})", fix="install CUDA's nvrtc again")
    try:
        options = [f"--gpu-architecture=compute_{capability.replace('.', '')}".encode()]
        array = (ctypes.c_char_p * len(options))(*options)
        if nvrtc.nvrtcCompileProgram(program, len(options), array):
            log = _text(nvrtc, program, "ProgramLog").decode(errors="replace")
            raise EngineError(
                f"NVRTC refuses the crop kernel: {log[:300]}", fix="cut crops on the CPU"
            )
        return _text(nvrtc, program, "PTX")
    finally:
        nvrtc.nvrtcDestroyProgram(ctypes.byref(program))


def _text(nvrtc: Any, program: Any, what: str) -> bytes:
    size = ctypes.c_size_t()
    getattr(nvrtc, f"nvrtcGet{what}Size")(program, ctypes.byref(size))
    buffer = ctypes.create_string_buffer(size.value)
    getattr(nvrtc, f"nvrtcGet{what}")(program, buffer)
    return buffer.raw


def _load_nvrtc() -> Any:
    """NVRTC from the system, or from the CUDA packages that pip installed."""
    packaged = [
        str(path) for folder in sys.path for path in Path(folder).glob("nvidia/*/lib/libnvrtc.so.*")
    ]
    for path in packaged:
        # NVRTC opens these by their bare names, which finds only what is loaded already.
        for beside in Path(path).parent.glob("libnvrtc-builtins.so.*"):
            with suppress(OSError):
                ctypes.CDLL(str(beside), mode=ctypes.RTLD_GLOBAL)
    for name in (*sorted(packaged, reverse=True), *_NAMES):
        try:
            return ctypes.CDLL(name)
        except OSError:
            continue
    raise EngineUnavailableError(
        "CUDA's run-time compiler (libnvrtc) is not installed",
        fix="pip install nvidia-cuda-nvrtc, or cut crops on the CPU",
    )
