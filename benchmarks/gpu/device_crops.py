"""Crops cut by the GPU against the CPU's: are they equal, and does uploading the frame pay?"""

from __future__ import annotations

import ctypes

import numpy as np

from benchmarks.gpu.machine import Machine
from benchmarks.gpu.measuring import times_ms
from steadypose.engines.backends.tensorrt.device_crop import compile_kernel
from steadypose.engines.errors import EngineError

_FRAME_HW, _CROP_HW = (720, 1280), (224, 192)
_BLOCK = (16, 8)
_BOXES = 100


def device_crops(machine: Machine) -> str:
    """What was found, in a sentence; a context must be current.

    Raises:
        SteadyposeError: NVRTC is missing, or it, the driver or the GPU refuses.
        ImportError: OpenCV is missing.
    """
    from steadypose.realtime.datatypes import BBox  # noqa: PLC0415 - these need OpenCV
    from steadypose.realtime.sources.demo import DemoScene  # noqa: PLC0415
    from steadypose.realtime.tracking.crop import cut, place_crop  # noqa: PLC0415

    kernel = machine.driver.load_kernel(compile_kernel(machine.device.capability), "cut_crops")
    memory, driver = machine.open_memory(), machine.driver
    try:
        image = DemoScene(size_hw=_FRAME_HW).draw(0)
        (height, width), (crop_h, crop_w) = _FRAME_HW, _CROP_HW
        frame, box, out = memory.host(image.size), memory.host(20), memory.host(crop_h * crop_w * 3)
        on_gpu = [memory.device(block.size) for block in (frame, box, out)]
        grid = (-(-crop_w // _BLOCK[0]), -(-crop_h // _BLOCK[1]), 1)
        values = (
            ctypes.c_void_p(on_gpu[0]), ctypes.c_int(height), ctypes.c_int(width),
            ctypes.c_void_p(on_gpu[1]), ctypes.c_void_p(on_gpu[2]), ctypes.c_int(crop_h),
            ctypes.c_int(crop_w),
        )  # fmt: skip

        def on_device() -> None:
            frame[:] = image.reshape(-1)
            memory.upload(on_gpu[0], frame)
            memory.upload(on_gpu[1], box)
            driver.launch_kernel(kernel, grid, (*_BLOCK, 1), memory.stream, values)
            memory.synchronize()

        rng = np.random.default_rng(0)
        wanted = np.empty((crop_h, crop_w, 3), np.uint8)
        worst = 0
        for _ in range(_BOXES):
            w, h = rng.uniform(30, width), rng.uniform(30, height)
            x, y = rng.uniform(-w / 2, width - w / 2), rng.uniform(-h / 2, height - h / 2)
            place = place_crop(BBox(x, y, x + w, y + h), size_hw=_CROP_HW, padding=1.25)
            numbers = (place.left, place.top, place.width, place.height, place.halvings)
            box[:] = np.array(numbers, np.int32).view(np.uint8)
            on_device()
            memory.download(out, on_gpu[2])
            memory.synchronize()
            cut(image, place, wanted)
            found = out.reshape(wanted.shape).astype(int)
            worst = max(worst, int(np.abs(found - wanted.astype(int)).max()))
        if worst > 1:
            raise EngineError(f"the GPU's crops differ by {worst} grey levels", fix="none")
        device, host = times_ms(on_device), times_ms(lambda: cut(image, place, wanted))
        return (
            f"{_BOXES} boxes differ by {worst} grey level at most; copy and upload of a 720p frame "
            f"with one crop {device[0]:.3f} / {device[1]:.3f} ms, one crop on the CPU "
            f"{host[0]:.3f} / {host[1]:.3f} ms (p50 / p95)"
        )
    finally:
        memory.close()
