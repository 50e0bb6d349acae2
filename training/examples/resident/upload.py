"""Take a batch's small arrays to the device, if possible without waiting for it."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


def on_device(values: NDArray[Any], device: torch.device) -> Tensor:
    """An array on a device, float64 as float32.

    A plain copy waits until the device has done everything before it, a step of training for
    instance. This one need not: CUDA promises that only for page-locked memory, but usually
    sets ordinary arrays of up to 64 KiB aside and returns; it waits for larger ones. On a GPU
    the array may be changed afterwards; on a CPU the memory is shared.
    """
    if values.dtype == np.float64:
        values = values.astype(np.float32)
    return torch.from_numpy(np.ascontiguousarray(values)).to(device, non_blocking=True)
