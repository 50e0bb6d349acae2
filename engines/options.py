"""How an engine is to be opened."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

PRECISIONS = ("auto", "fp32", "tf32", "bf16", "fp16", "int8")

CROPS = ("auto", "cpu", "device")
MOST_THREADS = 256
BF16_GAIN = 0.85
"""Share of fp32's time that bf16 may take on a CPU: what is as fast in fp32 is more exact there."""


@dataclass(frozen=True, slots=True)
class RemoteOptions:
    """Which servers compute, and how they are asked.

    Attributes:
        servers: ``HOST:PORT``, or with ``grpc://``, ``grpcs://``, ``http://``, ``https://`` before.
        model: The model's name there; empty: the name in its spec.
        timeout_s: How long an answer may take; a later one is dropped.
        patience_s: How long a file waits for servers to come back.
        is_live: Frames come at their own time: none waits longer than ``timeout_s``.
        ca: Certificates (PEM) that vouch for the servers; None: the system's.
        cert: Certificate (PEM) that is shown to servers that ask for one; None: there is none.
        key: Its private key; None: it is in the same file.
        token: Sent as ``authorization: Bearer``; not shown.
    """

    servers: tuple[str, ...] = ()
    model: str = ""
    timeout_s: float = 0.25
    patience_s: float = 30.0
    is_live: bool = True
    ca: Path | None = None
    cert: Path | None = None
    key: Path | None = None
    token: str = field(default="", repr=False)

    def headers(self) -> dict[str, str]:
        """What is sent with each request."""
        return {"authorization": f"Bearer {self.token}"} if self.token else {}


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """Settings that a backend may use.

    Attributes:
        precision: One of ``PRECISIONS``; ``auto`` leaves it to the backend.
        threads: CPU threads of the network.
        is_trusting: Run TensorRT engines that were not built by this user on this machine.
        device: Number of the GPU, in CUDA's order.
        is_blocking: Sleep while the GPU works, instead of asking it all the time: a little
            slower, and a core stays free.
        crops: Who cuts crops, of ``CROPS``: the CPU, the GPU that computes, or whichever is faster.
        openvino_device: Where OpenVINO computes, as it names it: CPU, GPU, NPU or AUTO.
        remote: Servers of the backend ``remote``.
    """

    precision: str = "auto"
    threads: int = 1
    is_trusting: bool = False
    device: int = 0
    is_blocking: bool = False
    openvino_device: str = "CPU"
    crops: str = "cpu"
    remote: RemoteOptions = field(default_factory=RemoteOptions)


def default_threads() -> int:
    """CPU threads for a network: all usable ones, up to eight."""
    return min(8, usable_cpus())


def usable_cpus() -> int:
    """CPUs this process may run on, which a container may have limited."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def count_threads(count: int) -> str:
    """In words, for an engine's label."""
    return "1 thread" if count == 1 else f"{count} threads"
