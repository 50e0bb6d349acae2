"""What the numbers of a training config may be.

A slip of the pen would fill the memory, or never end.
"""

from __future__ import annotations

from steadypose.engines.errors import UsageError

FIX = "see docs/training.md and training/configs/"
MOST_FILTERS = 16_384
_MOST_EPOCHS, _MOST_BATCH, _MOST_SIDE = 1_000_000, 65_536, 8192


def check_stage(
    input_hw: tuple[int, int], epochs: float, batch: int, rate: float, sigma: float, warmup: int
) -> None:
    """Look at the numbers of a ``[[stage]]``; see ``training.config.StageConfig``.

    Raises:
        UsageError: One cannot be.
    """
    height, width = input_hw
    if min(height, width) < 32:
        raise UsageError(f"stage input {height}x{width} is below 32 pixels", fix=FIX)
    if epochs <= 0 or batch < 2 or rate <= 0 or sigma <= 0:
        raise UsageError(
            "epochs, rate and sigma of a stage must be positive, its batch at least 2", fix=FIX
        )
    if epochs > _MOST_EPOCHS or batch > _MOST_BATCH or max(height, width, sigma) > _MOST_SIDE:
        raise UsageError(
            f"a stage of {epochs:g} epochs with a batch of {batch}, {height}x{width} pixels and "
            f"sigma {sigma:g} cannot be learnt",
            fix=f"at most {_MOST_EPOCHS} epochs, a batch of {_MOST_BATCH}, {_MOST_SIDE} pixels",
        )
    if warmup < 0:
        raise UsageError(f"warmup of a stage is {warmup}, below 0", fix=FIX)
