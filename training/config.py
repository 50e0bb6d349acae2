"""Read a training run's TOML file and check it before anything starts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from steadypose.engines.errors import UsageError
from steadypose.engines.skeletons.skeleton import Skeleton
from steadypose.export.models.registry import PUBLISHED_SOFTNESS, kind_of
from steadypose.realtime.command.config.toml_table import read_toml, to_dataclass
from steadypose.realtime.model.skeletons import skeleton_entry
from training.examples.augment import Augment
from training.examples.limits import FIX as _FIX
from training.examples.limits import MOST_FILTERS, check_stage

Schedule = Literal["cosine", "constant", "linear", "steps"]


@dataclass(frozen=True, slots=True)
class NetworkConfig:
    """The network to train.

    Attributes:
        kind: A name of ``steadypose.export.models.registry.NETWORKS``.
        deconv: Filters of PoseResNet's three deconvolutions.
        final_kernel: 1 or 3; PoseResNet only.
        weights: State dict or model file to start from; none: random.
        frozen: MoveNet's first blocks that are not trained.
        softness: Of MoveNet's decoder, see ``steadypose.export.models.center_decoding``.
    """

    kind: str = "pose_resnet18"
    deconv: tuple[int, ...] = (128, 128, 128)
    final_kernel: int = 1
    weights: str = ""
    frozen: int = 0
    softness: float = PUBLISHED_SOFTNESS

    def __post_init__(self) -> None:
        if kind_of(self.kind).gives == "coordinates":
            raise UsageError(
                f"{self.kind} gives coordinates, but training here needs heatmaps",
                fix="choose another [network] kind",
            )
        is_movenet = kind_of(self.kind).gives == "heads"
        for key, usual in (("frozen", 0), ("softness", PUBLISHED_SOFTNESS)):
            if getattr(self, key) != usual and not is_movenet:
                raise UsageError(f"{self.kind} has no {key}", fix="leave it out")
        if not 0 <= self.frozen <= 17 or self.softness <= 0:
            raise UsageError(
                f"frozen {self.frozen} is not 0 to 17, or softness {self.softness} not positive",
                fix=_FIX,
            )
        if len(self.deconv) != 3 or min(self.deconv) < 1 or max(self.deconv) > MOST_FILTERS:
            said = f"is not three positive numbers up to {MOST_FILTERS}"
            raise UsageError(f"deconv {list(self.deconv)} {said}", fix=_FIX)
        if self.final_kernel not in {1, 3}:
            raise UsageError(f"final_kernel {self.final_kernel} is not 1 or 3", fix=_FIX)


@dataclass(frozen=True, slots=True)
class DataConfig:
    """One data set; ``options`` go to its class (see ``training.datasets``).

    Attributes:
        kind: pack, coco, mpii, lsp or mannequin.
        share: Part of every batch that comes from here; shares are scaled to sum 1.
        stages: Numbers of the stages that use it, from 1; none: all.
        options: Everything else in the table.
    """

    kind: str
    share: float = 1.0
    stages: tuple[int, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StageConfig:
    """One input size and one learning-rate schedule.

    Attributes:
        input: Crop height and width, pixels.
        epochs: Length; an epoch goes through the stage's first data set once.
        sigma: Standard deviation of the target Gaussians, heatmap cells.
        batch: Examples per step.
        rate: Highest learning rate.
        warmup: Steps over which the rate rises to it.
        schedule: cosine or linear to zero, constant, or ``steps``: a tenth after 9/14
            and again after 12/14 of the stage (Xiao et al. 2018: epochs 90, 120 of 140).
        optimizer: adamw or adam.
        weight_decay: Decoupled (adamw) or L2 (adam); none: 0.02, or 0 with adam, as Xiao et
            al. 2018 trained.
        hard: Online hard keypoint mining: only this many worst keypoints of a person
            count (Chen et al. 2018); 0: all.
        average: Decay per step of the exponential moving average of the weights.
        padding: Factor between a person's box and the crop; none: the run's.
    """

    input: tuple[int, int]
    epochs: float
    sigma: float = 2.0
    batch: int = 64
    rate: float = 1e-3
    warmup: int = 200
    schedule: Schedule = "cosine"
    optimizer: Literal["adamw", "adam"] = "adamw"
    weight_decay: float | None = None
    hard: int = 0
    average: float = 0.999
    padding: float | None = None

    def __post_init__(self) -> None:
        check_stage(self.input, self.epochs, self.batch, self.rate, self.sigma, self.warmup)
        if self.hard < 0 or self.decay < 0 or not 0.0 <= self.average < 1.0:
            raise UsageError(
                "hard and weight_decay must not be negative, average must be in [0, 1)", fix=_FIX
            )
        if self.padding is not None and not 1.0 <= self.padding <= 4.0:
            raise UsageError("padding of a stage must be in [1, 4]", fix=_FIX)

    @property
    def decay(self) -> float:
        """The weight decay to use, defaults resolved."""
        if self.weight_decay is not None:
            return self.weight_decay
        return 0.02 if self.optimizer == "adamw" else 0.0


@dataclass(frozen=True, slots=True)
class TeacherConfig:
    """Distillation: heatmaps of a trained network as second target (Hinton et al. 2015).

    Attributes:
        weights: The teacher's state dict or model file.
        kind: Its network.
        deconv: Its deconvolutions.
        share: Weight of its heatmaps against the labels', 0 to 1. (MoveNet's maps are used
            unless labels contradict them, see ``training.runs.head_targets``.)
    """

    weights: str
    kind: str = "pose_resnet18"
    deconv: tuple[int, ...] = (256, 256, 256)
    share: float = 0.5

    def __post_init__(self) -> None:
        if not 0.0 <= self.share <= 1.0:
            raise UsageError(f"the teacher's share {self.share} is not in [0, 1]", fix=_FIX)


@dataclass(frozen=True, slots=True)
class TrainConfig:
    """A whole training run.

    Attributes:
        name: Model id, such as ``pose_resnet18_192x160``.
        seed: Of the network's initial weights, the order and the augmentation.
        padding: Factor between a person's box and the crop, for stages without their own.
        skeleton: A name, TOML file or ``[skeleton]``; None for that of the first data set.
    """

    name: str
    train: tuple[DataConfig, ...]
    validate: tuple[DataConfig, ...]
    stage: tuple[StageConfig, ...]
    seed: int = 1
    padding: float = 1.25
    skeleton: Skeleton | None = None
    network: NetworkConfig = field(default_factory=NetworkConfig)
    augment: Augment = field(default_factory=Augment)
    teacher: TeacherConfig | None = None

    def __post_init__(self) -> None:
        if not (self.train and self.validate and self.stage):
            raise UsageError("the config needs [[train]], [[validate]] and [[stage]]", fix=_FIX)
        multiple = kind_of(self.network.kind).multiple
        if self.teacher is not None:
            self._check_teacher(self.teacher)
        elif kind_of(self.network.kind).gives == "heads":
            raise UsageError(
                f"{self.network.kind} learns from a teacher's maps", fix="add [teacher]"
            )
        for stage in self.stage:
            if any(side % multiple for side in stage.input):
                raise UsageError(
                    f"stage input {stage.input[0]}x{stage.input[1]} is not in multiples of "
                    f"{multiple}, which {self.network.kind} needs",
                    fix=_FIX,
                )
        if self.seed < 0 or not 1.0 <= self.padding <= 4.0:
            raise UsageError("seed must not be negative, padding must be in [1, 4]", fix=_FIX)
        self._check_stages()

    def _check_stages(self) -> None:
        """Check that data sets name existing stages, and that every stage has a data set."""
        for number in sorted({n for data in self.train for n in data.stages}):
            if number > len(self.stage):
                raise UsageError(
                    f"a data set wants stage {number} of {len(self.stage)}", fix="correct stages"
                )
        if any(data.stages for data in self.validate):
            raise UsageError("[[validate]] takes no stages", fix="leave them out")
        for number in range(1, len(self.stage) + 1):
            if not self.sets_of(number):
                raise UsageError(f"stage {number} has no [[train]] data set", fix=_FIX)

    def sets_of(self, number: int) -> list[int]:
        """Indices in ``train`` of the data sets that a stage (from 1) uses."""
        return [n for n, data in enumerate(self.train) if not data.stages or number in data.stages]

    def padding_of(self, stage: StageConfig) -> float:
        """Factor between a person's box and the crop in a stage."""
        return self.padding if stage.padding is None else stage.padding

    def _check_teacher(self, teacher: TeacherConfig) -> None:
        """Check that the teacher's maps fit the student's grid in every stage."""
        kind, own = kind_of(teacher.kind), kind_of(self.network.kind)
        if kind.gives != own.gives or kind.stride != own.stride:
            raise UsageError(
                f"the teacher {teacher.kind} gives other {own.gives} than {self.network.kind}",
                fix=f"choose a teacher that gives {own.gives} of stride {own.stride}",
            )
        for stage in self.stage:
            if any(side % kind.multiple for side in stage.input):
                raise UsageError(
                    f"stage input {stage.input[0]}x{stage.input[1]} is not in multiples of "
                    f"{kind.multiple}, which the teacher {teacher.kind} needs",
                    fix=_FIX,
                )


def load_config(path: Path) -> TrainConfig:
    """Read and check a config.

    Raises:
        UsageError: It is missing, no TOML, or has an unknown or impossible entry.
    """
    data = read_toml(path, fix=_FIX)
    try:
        data["skeleton"] = skeleton_entry(data.get("skeleton"), path)
        return _parse(data)
    except UsageError as error:
        raise UsageError(f"{path}: {error.what}", fix=error.fix) from None


def _parse(data: dict[str, Any]) -> TrainConfig:
    made = dict(data)
    for key in ("train", "validate"):
        made[key] = tuple(_data(table) for table in _tables(data, key))
    made["stage"] = tuple(
        to_dataclass(StageConfig, "[[stage]]", t, fix=_FIX) for t in _tables(data, "stage")
    )
    kinds: dict[str, type[Any]] = {
        "network": NetworkConfig,
        "augment": Augment,
        "teacher": TeacherConfig,
    }
    for key, kind in kinds.items():
        if key in data:
            made[key] = to_dataclass(kind, f"[{key}]", data[key], fix=_FIX)
            _require_used(f"[{key}]", made[key], data[key])
    return to_dataclass(TrainConfig, "the top", made, fix=_FIX)


def _require_used(where: str, made: Any, table: Any) -> None:
    """Refuse head options for networks other than PoseResNet."""
    is_other = not getattr(made, "kind", "pose_resnet").startswith("pose_resnet")
    for key in ("deconv", "final_kernel"):
        if is_other and key in table:
            raise UsageError(f"{where}: {made.kind} has no {key}", fix="leave it out")


def _tables(data: dict[str, Any], key: str) -> list[Any]:
    tables = data.get(key, [])
    if not isinstance(tables, list):
        raise UsageError(f"write [[{key}]] with two brackets", fix=_FIX)
    return tables


def _data(table: Any) -> DataConfig:
    if not isinstance(table, dict) or "kind" not in table:
        raise UsageError("a data set has no kind", fix=_FIX)
    own = {"kind", "share", "stages"}
    options = {key: value for key, value in table.items() if key not in own}
    share, stages = table.get("share", 1.0), table.get("stages")
    if not isinstance(share, (int, float)) or share <= 0:
        raise UsageError(f"share {share!r} of a data set is not a positive number", fix=_FIX)
    if stages is not None and not (
        isinstance(stages, list) and stages and all(type(n) is int and n > 0 for n in stages)
    ):
        raise UsageError(f"stages {stages!r} of a data set is no list of numbers", fix=_FIX)
    return DataConfig(str(table["kind"]), float(share), tuple(stages or ()), options)
