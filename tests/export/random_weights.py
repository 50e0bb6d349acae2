"""Seeded weights for tables of keys and shapes, and the ways published files wrap them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

torch: Any = pytest.importorskip("torch")
State = dict[str, Any]


def random_state(shapes: Mapping[str, tuple[int, ...]], *, seed: int = 0) -> State:
    """Weights that keep the signal's size, and batch norms that all do something."""
    generator = torch.Generator().manual_seed(seed)
    state = {}
    for key, shape in shapes.items():
        if key.endswith("num_batches_tracked"):
            state[key] = torch.tensor(7)
        elif len(shape) > 1:
            inputs = shape[1] * (shape[2] * shape[3] if len(shape) == 4 else 1)
            state[key] = torch.randn(shape, generator=generator) / inputs**0.5
        elif key.endswith(("running_var", "weight")):
            state[key] = torch.rand(shape, generator=generator) + 0.5
        else:
            state[key] = torch.randn(shape, generator=generator) * 0.3
    return state


def is_head(key: str) -> bool:
    """Whether OpenMMLab has a key in its head, not in its backbone."""
    return key.startswith(("deconv_layers.", "final_layer.", "multi_final_layers.", "fc."))


def papers(state: State) -> State:
    """The papers' own code: bare keys."""
    return state


def data_parallel(state: State) -> State:
    """A training checkpoint of the papers' code on several GPUs."""
    return {"epoch": 3, "state_dict": {f"module.{key}": value for key, value in state.items()}}


def openmmlab_0(state: State) -> State:
    named = {("keypoint_head." if is_head(k) else "backbone.") + k: v for k, v in state.items()}
    return {"meta": {"epoch": 210, "config": "model = dict()"}, "state_dict": named}


def openmmlab_1(state: State) -> State:
    named = {("head." if is_head(k) else "backbone.") + k: v for k, v in state.items()}
    named["data_preprocessor.mean"] = torch.tensor([123.675, 116.28, 103.53])
    named["data_preprocessor.std"] = torch.tensor([58.395, 57.12, 57.375])
    return {"meta": {}, "state_dict": named}


WRAPPINGS: dict[str, Callable[[State], State]] = {
    "papers": papers,
    "data parallel": data_parallel,
    "OpenMMLab 0.x": openmmlab_0,
    "OpenMMLab 1.x": openmmlab_1,
}
