"""The state of a training stage: steps, averaged weights, checkpoints."""

from __future__ import annotations

import copy
import functools
import math
import time
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from steadypose.engines.errors import EngineError, UsageError
from steadypose.engines.options import BF16_GAIN
from steadypose.export.models.decoding import Preprocess
from steadypose.export.models.registry import IMAGENET_MEAN, IMAGENET_STD
from training.config import StageConfig
from training.examples.batches import Batch
from training.runs.objectives import Objective


def rate_at(step: int, steps: int, stage: StageConfig) -> float:
    """Learning rate of a step of a stage: a straight warm-up, then the schedule.

    Args:
        step: From 0.
        steps: Of the whole stage.
        stage: Schedule and highest rate.
    """
    share = min(1.0, step / max(1, steps))
    factor = {
        "constant": 1.0,
        "linear": 1.0 - share,
        "cosine": 0.5 * (1.0 + math.cos(math.pi * share)),
        "steps": 1.0 if share < 9 / 14 else 0.1 if share < 12 / 14 else 0.01,
    }[stage.schedule]
    warmup = max(1, min(stage.warmup, steps // 10))  # a short stage still reaches its rate
    return stage.rate * factor * min(1.0, (step + 1) / warmup)


@functools.cache
def has_bf16(device: torch.device) -> bool:
    """Whether bfloat16 is faster than float32 here.

    On a CPU it is measured: without AVX-512 torch's emulation takes many times as long as
    float32, and some processors have the instructions but are slower with them. With AMX it is
    not used: there torch 2.13 computes gradients that are no numbers.
    """
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    if not torch.ops.mkldnn._is_mkldnn_bf16_supported() or has_amx():  # noqa: SLF001 - no public name
        return False
    return _product_s(torch.bfloat16) < BF16_GAIN * _product_s(torch.float32)


def has_amx() -> bool:
    """Whether torch multiplies with this processor's matrix tiles (Intel's, from 2023 on)."""
    asks = getattr(torch.cpu, "_is_amx_tile_supported", None)  # no public name, from torch 2.4 on
    return asks is not None and bool(asks())


def _product_s(dtype: torch.dtype) -> float:
    """Seconds for a product of two matrices: the fastest of several."""
    matrix = torch.ones((768, 768), dtype=dtype)
    took = []
    for _ in range(8):
        begin_s = time.perf_counter()
        matrix @ matrix
        took.append(time.perf_counter() - begin_s)
    return min(took)


class Trainer:
    """Network, moving average and optimiser of one stage.

    Args:
        network: Random or pretrained; trained in place.
        stage: Input size, optimiser and loss options.
        steps: Length of the stage.
        device: ``cpu`` or ``cuda``.
        objective: What a step minimises.
        statistics: Mean and standard deviation of the channels, pixels in 0 to 1.
        seed: Of the network's own randomness (dropout).
        teacher: Network whose output the objective needs; or none.
    """

    def __init__(
        self,
        network: nn.Module,
        *,
        stage: StageConfig,
        steps: int,
        device: torch.device,
        objective: Objective,
        statistics: tuple[Sequence[float], Sequence[float]] = (IMAGENET_MEAN, IMAGENET_STD),
        seed: int = 0,
        teacher: nn.Module | None = None,
    ) -> None:
        self.stage = stage
        self.steps = steps
        self.step = 0
        self._device = device
        self.network = network.to(device, memory_format=torch.channels_last).train()
        self.average = copy.deepcopy(self.network).eval()
        self._teacher = teacher
        self._objective = objective
        self._seed = seed
        kind = torch.optim.AdamW if stage.optimizer == "adamw" else torch.optim.Adam
        trained = [p for p in self.network.parameters() if p.requires_grad]
        self._optimizer = kind(trained, lr=stage.rate, weight_decay=stage.decay)
        mean, std = statistics
        self._preprocess = Preprocess(mean=mean, std=std).to(device)
        self._is_bf16 = has_bf16(device)

    @property
    def rate(self) -> float:
        """Learning rate of the next step."""
        return rate_at(self.step, self.steps, self.stage)

    def learn(self, batch: Batch) -> float:
        """Take one step; returns the loss.

        Raises:
            EngineError: The loss is no number; the weights are as they were.
        """
        torch.manual_seed(self._seed * 1_000_003 + self.step)  # resumed steps are identical
        for group in self._optimizer.param_groups:
            group["lr"] = self.rate
        batch = batch.to(self._device)
        pictures = self._pictures(batch.crops)
        found = self._run(self.network, pictures)
        taught = None
        if self._teacher is not None:
            with torch.no_grad():
                seen = pictures if batch.clean is None else self._pictures(batch.clean)
                taught = self._run(self._teacher, seen)
        loss = self._objective.loss(found, batch, taught)
        value = float(loss.detach())
        if not math.isfinite(value):
            raise EngineError(
                f"the loss became {value} in step {self.step + 1}",
                fix="lower rate in the config",
            )
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.network.parameters(), self._objective.gradient)
        self._optimizer.step()
        self.step += 1
        self._follow(min(self.stage.average, (self.step + 1) / (self.step + 10)))
        return value

    def _pictures(self, crops: Tensor) -> Tensor:
        pictures: Tensor = self._preprocess(crops)
        return pictures.contiguous(memory_format=torch.channels_last)

    def _run(self, network: nn.Module, pictures: Tensor) -> Any:
        with torch.autocast(self._device.type, dtype=torch.bfloat16, enabled=self._is_bf16):
            return network(pictures)

    def _follow(self, keep: float) -> None:
        """Exponential moving average of the weights, which is evaluated and shipped."""
        average, now = self.average.state_dict(), self.network.state_dict()
        with torch.no_grad():
            for name, mean in average.items():
                if mean.is_floating_point():
                    mean.lerp_(now[name], 1.0 - keep)
                else:
                    mean.copy_(now[name])

    def state(self) -> dict[str, Any]:
        """Everything the next step depends on."""
        return {
            "step": self.step,
            "is_bf16": self._is_bf16,
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self._optimizer.state_dict(),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue from ``state``.

        Raises:
            UsageError: It has learnt for longer than this stage lasts.
        """
        self.step = int(state["step"])
        if self.step > self.steps:
            raise UsageError(
                f"the stage has learnt {self.step} steps already, and epochs "
                f"{self.stage.epochs:g} are {self.steps}",
                fix="give it at least as many epochs, or choose another --out",
            )
        self._is_bf16 = bool(state.get("is_bf16", self._is_bf16))  # missing in older checkpoints
        self.network.load_state_dict(state["network"])
        self.average.load_state_dict(state["average"])
        self._optimizer.load_state_dict(state["optimizer"])
        for group in self._optimizer.param_groups:
            group["weight_decay"] = self.stage.decay  # it may be another than the checkpoint's
