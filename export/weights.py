"""Read a state dict safely."""

from __future__ import annotations

import pickle
from pathlib import Path

import torch
from torch import Tensor

from engines.errors import ModelFileError


def load_weights(path: Path) -> dict[str, Tensor]:
    """Load a state dict as float32, unwrapping the usual containers.

    A training checkpoint (``{"state_dict": ...}``) and the ``module.`` prefix of
    DataParallel are unwrapped. Nothing in the file is executed.

    Raises:
        ModelFileError: The file is missing, not a checkpoint, or holds more than tensors.
    """
    try:
        loaded = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise ModelFileError(f"{path} does not exist", fix="check --weights") from error
    except OSError as error:
        raise ModelFileError(
            f"cannot read {path}: {error.strerror}", fix="check --weights"
        ) from error
    except (RuntimeError, pickle.UnpicklingError, EOFError, ValueError, KeyError) as error:
        first = (str(error).strip().splitlines() or [type(error).__name__])[0][:160]
        raise ModelFileError(
            f"{path} is not a plain file of weights: {first}",
            fix="save only the state dict: torch.save(model.state_dict(), path)",
        ) from error
    if isinstance(loaded, dict) and isinstance(loaded.get("state_dict"), dict):
        loaded = loaded["state_dict"]
    if not isinstance(loaded, dict) or not all(isinstance(v, Tensor) for v in loaded.values()):
        raise ModelFileError(
            f"{path} holds no state dict",
            fix="save only the state dict: torch.save(model.state_dict(), path)",
        )
    return {
        name.removeprefix("module."): value.float() if value.is_floating_point() else value
        for name, value in loaded.items()
    }
