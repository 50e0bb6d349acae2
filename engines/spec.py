"""ModelSpec: the contract of a model file, stored inside it as JSON."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any

from steadypose.engines.errors import ModelFileError
from steadypose.engines.foreign.names import RULE, is_name, shown
from steadypose.engines.foreign.texts import parse_json
from steadypose.engines.skeletons.skeleton import Skeleton
from steadypose.engines.wording import advice

SPEC_VERSION = 1
METADATA_KEY = "steadypose.model_spec"


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """What the app must know about a model file, and whoever looks at it later.

    Attributes:
        name: Model id, for people and file names.
        skeleton: Names and order of the K keypoints of the output.
        input_hw: Crop height and width, pixels.
        box_padding: Factor between a tight person box and the crop.
        decoder: How heatmaps became keypoints inside the graph, for people.
        colour: ``rgb`` or ``bgr``, the order the network itself was trained on. The
            graph converts; crops are always BGR.
        mean: Of the network's channels in that order, pixels in 0 to 1; empty: not told.
        std: Like ``mean``.
        others: Further people that a crop's answer holds beside the most central one.
        is_calibrated: Scores are probabilities; otherwise heatmaps' peaks, a ranking.
        weights: Provenance: source, licence, training, SHA-256 of the state dict.
        version: Layout of this JSON.
    """

    name: str
    skeleton: Skeleton
    input_hw: tuple[int, int]
    box_padding: float = 1.25
    decoder: str = "quarter"
    colour: str = "rgb"
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    is_calibrated: bool = False
    others: int = 0
    weights: dict[str, str] = field(default_factory=dict)
    version: int = SPEC_VERSION

    def __post_init__(self) -> None:
        if not is_name(self.name):
            raise _broken(f"it is called {shown(self.name)}; {RULE}")
        height, width = self.input_hw
        if not (16 <= height <= 4096 and 16 <= width <= 4096):
            raise _broken(f"input_hw {self.input_hw} is not between 16 and 4096 pixels")
        if not 1.0 <= self.box_padding <= 4.0:
            raise _broken(f"box_padding {self.box_padding} is not between 1 and 4")
        if not 0 <= self.others <= 100:
            raise _broken(f"others {self.others} is not between 0 and 100")

    @property
    def keypoint_count(self) -> int:
        """K, the number of keypoints."""
        return len(self.skeleton)

    @property
    def output_rows(self) -> int:
        """Rows of the model's output for one crop: K of the central person, K of each other."""
        return len(self.skeleton) * (1 + self.others)

    def to_json(self) -> str:
        """The JSON text that is stored in a model file's metadata."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> ModelSpec:
        """Read what ``to_json`` wrote.

        Raises:
            ModelFileError: The text is not such a JSON, or contradicts itself.
        """
        try:
            data: dict[str, Any] = parse_json(text)
            version = int(data["version"])
            if version != SPEC_VERSION:
                raise ModelFileError(
                    f"the model file's spec has version {version}, "
                    f"this program reads {SPEC_VERSION}",
                    fix=advice.EXPORT_NEWER,
                )
            height, width = data["input_hw"]
            return cls(
                name=str(data["name"]),
                skeleton=Skeleton.from_dict(data["skeleton"]),
                input_hw=(int(height), int(width)),
                box_padding=float(data["box_padding"]),
                decoder=str(data["decoder"]),
                colour=str(data["colour"]),
                mean=tuple(float(v) for v in data.get("mean", ())),
                std=tuple(float(v) for v in data.get("std", ())),
                is_calibrated=bool(data.get("is_calibrated", False)),
                others=int(data.get("others", 0)),
                weights={str(key): str(value) for key, value in data["weights"].items()},
            )
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            raise _broken(f"cannot be read ({error!r})") from error


def _broken(why: str) -> ModelFileError:
    return ModelFileError(
        f"the model spec inside the model file is broken: {why}",
        fix=advice.EXPORT_AGAIN,
    )
