"""What every table of keys needs."""

from __future__ import annotations


def batch_norm(name: str, channels: int) -> dict[str, tuple[int, ...]]:
    """What a batch norm layer keeps."""
    parts = ("weight", "bias", "running_mean", "running_var")
    shapes: dict[str, tuple[int, ...]] = {f"{name}.{part}": (channels,) for part in parts}
    shapes[f"{name}.num_batches_tracked"] = ()
    return shapes
