"""What a visit to a GPU runs, in the order of its worth, and how long each step may take."""

from __future__ import annotations

from dataclasses import dataclass

GRAPHS = {
    "movenet_lightning_224x192": ("fp16", "int8", "int8old", "fp32"),
    "pose_resnet18_224x192": ("fp16",),
    "pose_resnet50_256x192": ("fp16", "int8", "int8old"),
    "pose_resnet101_256x192": ("fp16",),
    "pose_resnet152_256x192": ("fp16",),
}
"""Networks and the graphs of each; ``int8old`` is int8 as TensorRT 8 takes it."""

SHIPPED = ("movenet_lightning_224x192", "pose_resnet18_224x192")
"""Those whose weights are in the repository; the first is the app's default."""

ROWS = (
    ("movenet_lightning_224x192", "fp16"),
    ("pose_resnet18_224x192", "fp16"),
    ("pose_resnet50_256x192", "fp16"),
    ("movenet_lightning_224x192", "int8"),
    ("pose_resnet50_256x192", "int8"),
    ("movenet_lightning_224x192", "fp32"),
    ("pose_resnet101_256x192", "fp16"),
    ("pose_resnet152_256x192", "fp16"),
)
"""Rows of the table, the most worth knowing first."""

DEADLINE_S = 420.0
BATCHES = (1, 2, 4, 8)
FAULTS = ("build error", "time-out", "wrong parity", "out of memory", "crash")


@dataclass(frozen=True, slots=True)
class Step:
    """One child process.

    Attributes:
        kind: What it does; a name of ``steps.KINDS``.
        network: Of which network; empty: of none.
        precision: In which precision.
        timeout_s: When it is ended.
        fault: What goes wrong, on a made-up GPU; empty: nothing.
    """

    kind: str
    network: str = ""
    precision: str = ""
    timeout_s: float = 60.0
    fault: str = ""

    @property
    def row(self) -> str:
        """Name of the row of the table that it fills."""
        return f"{self.network} {self.precision} {self.fault}".strip()


def steps() -> list[Step]:
    """The steps of a visit."""
    planned = [Step("probe", timeout_s=40.0)]
    for place, (network, precision) in enumerate(ROWS):
        planned.append(Step("build", network, precision, timeout_s=180.0))
        planned.append(Step("measure", network, precision, timeout_s=60.0))
        if network == "pose_resnet50_256x192" and precision == "fp16":
            planned.append(Step("torch", network, precision, timeout_s=60.0))
            planned.append(Step("checks", *ROWS[0], timeout_s=60.0))
        elif place > 5:
            planned.append(Step("torch", network, precision, timeout_s=60.0))
    return planned


def fake_steps() -> list[Step]:
    """The same, and one row for each way in which a step can fail, on a made-up GPU."""
    failing = [
        step
        for fault in FAULTS
        for step in (
            Step("build", *ROWS[0], timeout_s=3.0 if fault == "time-out" else 30.0, fault=fault),
            Step("measure", *ROWS[0], timeout_s=30.0, fault=fault),
        )
    ]
    return steps() + failing
