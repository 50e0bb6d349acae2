"""The published weights that can be downloaded by name, and where they are kept.

Names are NETWORK-DATASET-HEIGHTxWIDTH, followed by special properties: ``dark`` (unbiased
targets and decoding), ``fp16`` (trained in mixed precision), ``vis`` (a second head that
predicts visibility), ``v1`` (trained again for OpenMMLab's pose package 1.x). Everything but
the file and its accuracy follows from the name.

Source: the model tables of open-mmlab/mmpose (Apache-2.0), branches 0.x and main. AP is on
COCO val2017 with the flip test and detected boxes; PCKh@0.5 is on MPII's validation part.
Main lists the 256x192 file for ResNet-101 at 384x288, so ``res101-coco-384x288-v1`` does
not exist; ``res101-coco-384x288`` is the 0.x file.
"""

from __future__ import annotations

import difflib
import json
import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import quote

from steadypose.engines.errors import ModelFileError, UsageError
from steadypose.engines.wording import advice
from steadypose.realtime.model.places import DEFAULT_MODEL

BASE_URL = "https://download.openmmlab.com/mmpose/"
_HASH = re.compile(r"-([0-9a-f]{8})_\d{8}\.pth$")

DATA = Path(__file__).with_name("published.json")
"""Folders below BASE_URL: name, accuracy and file without .pth; full hashes; networks' costs."""
_NETWORKS = {
    "res50": "pose_resnet50",
    "res101": "pose_resnet101",
    "res152": "pose_resnet152",
    "hrnet-w32": "hrnet_w32",
    "hrnet-w48": "hrnet_w48",
    "hourglass52": "hourglass52",
    "cpm": "cpm6",
    "deeppose-res50": "deeppose_resnet50",
    "deeppose-res101": "deeppose_resnet101",
    "deeppose-res152": "deeppose_resnet152",
}


@dataclass(frozen=True, slots=True)
class ZooModel:
    """One file of published weights and what its state dict does not contain.

    Attributes:
        name: Name for users.
        network: Key of the network's definition; empty if we have none; then
            the file can be downloaded but must be exported elsewhere.
        input_hw: Crop height and width of the training, pixels.
        skeleton: ``coco17`` or ``mpii16``.
        path: The file, below ``BASE_URL``.
        accuracy: As published, such as ``AP 0.718`` or ``PCKh 0.882``.
        refine: Decoding of the published figure, ``quarter`` or ``dark``. (ViTPose: DARK
            after an unbiased warp, Huang et al. 2020, arXiv:1911.07524.)
        sigma: Standard deviation of the training targets, heatmap cells.
        licence: Of the file; the training images have their own terms.
        sha256: Of the file, all 64 digits; empty: only those in its name are known.
    """

    name: str
    network: str
    input_hw: tuple[int, int]
    skeleton: str
    path: str
    accuracy: str
    refine: Literal["quarter", "dark"]
    sigma: float
    licence: str = "Apache-2.0"  # OpenMMLab publishes all of them under it
    sha256: str = ""

    @property
    def file_name(self) -> str:
        """The last part of the path."""
        return self.path.rpartition("/")[2]

    @property
    def hash_prefix(self) -> str:
        """The first 8 hex digits of the file's SHA-256, from its name.

        Raises:
            UsageError: The name contains none.
        """
        found = _HASH.search(self.file_name)
        if found is None:
            raise UsageError(
                f"{self.file_name} does not end in -HASH_DATE.pth", fix="correct the zoo's entry"
            )
        return found.group(1)

    @property
    def url(self) -> str:
        """Its download address."""
        return BASE_URL + quote(self.path)

    def require_network(self) -> None:
        """Check that the model's network is defined here, so that it can be exported.

        Raises:
            ModelFileError: It is not; the model has to be wrapped.
        """
        if not self.network:
            raise ModelFileError(
                f"{self.name} is a network that steadypose does not define",
                fix=advice.WRAP_FOREIGN,
            )


def _model(name: str, figure: str, path: str, sha256: str) -> ZooModel:
    """Convert a row of the table to a model."""
    found = re.fullmatch(r"([a-z0-9-]+?)-(coco|mpii)(?:-aic)?-(\d+)x(\d+)(.*)", name)
    if found is None:
        raise ValueError(f"no name of a model: {name}")
    arch, dataset, height, width, special = found.groups()
    is_coco = dataset == "coco"
    is_dark = "-dark" in special or arch.startswith("vitpose")
    return ZooModel(
        name=name,
        network="" if "-vis" in special else _NETWORKS.get(arch, ""),
        input_hw=(int(height), int(width)),
        skeleton="coco17" if is_coco else "mpii16",
        path=path,
        accuracy=f"{'AP' if is_coco else 'PCKh'} {figure}",
        refine="dark" if is_dark else "quarter",
        # The large MPII hourglass was trained with 2, unlike the large COCO networks.
        sigma=3.0 if is_coco and int(height) == 384 else 2.0,
        sha256=sha256,
    )


def read_table(path: Path = DATA) -> dict[str, ZooModel]:
    """The published models that a table names.

    Raises:
        ModelFileError: It is not as it was shipped.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        hashes = data["sha256"]
        return {
            name: _model(name, figure, f"{folder}/{stem}.pth", hashes.get(name, ""))
            for folder, rows in data["models"].items()
            for name, figure, stem in rows
        }
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise ModelFileError(
            f"the table of published models, {path}, is damaged: {error}",
            fix=advice.restore("realtime/model/published.json"),
        ) from error


MODELS: dict[str, ZooModel] = read_table()


def is_name(text: str) -> bool:
    """Whether ``find`` knows it."""
    return _key(text) in MODELS


def _key(name: str) -> str:
    return name.lower().replace("_", "-")


def find(name: str) -> ZooModel:
    """Find the model of that name.

    Raises:
        UsageError: There is none; the message names the most similar.
    """
    key = _key(name)
    model = MODELS.get(key)
    if model is None:
        near = [known for known in MODELS if known.startswith(key)][:4]
        near = near or difflib.get_close_matches(key, MODELS, n=3, cutoff=0.5)
        hint = f"; nearest: {', '.join(near)}" if near else ""
        raise UsageError(
            f"no published model is called {name!r}{hint}",
            fix="--list-models shows them all; --quality chooses among those that ship",
        )
    return model


def cache_folder() -> Path:
    """The absolute folder of downloads; it may not exist yet.

    STEADYPOSE_CACHE, else ``steadypose`` in XDG_CACHE_HOME, else in the user's folder for
    such files.

    Raises:
        UsageError: The user's home folder is unknown.
    """
    try:  # absolute: a child process may have another working folder
        return _said_folder().absolute()
    except (RuntimeError, OSError) as error:
        raise UsageError(
            f"there is no place for downloads: {error}", fix="set STEADYPOSE_CACHE to a folder"
        ) from error


def _said_folder() -> Path:
    """The folder according to the environment.

    Raises:
        RuntimeError: It defines none.
    """
    if chosen := os.environ.get("STEADYPOSE_CACHE"):
        return Path(chosen).expanduser()
    xdg = os.environ.get("XDG_CACHE_HOME", "")
    if Path(xdg).is_absolute():  # the XDG specification: ignore relative paths
        return Path(xdg) / "steadypose"
    if sys.platform == "win32":
        local = os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local"
        return Path(local) / "steadypose" / "Cache"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "steadypose"
    return Path.home() / ".cache" / "steadypose"


def lies_here(path: Path) -> bool:
    """Whether the path exists; False if that cannot be determined.

    ``Path.exists`` raises, up to Python 3.13, for a name that is too long or a folder that
    may not be read.
    """
    try:
        return path.exists()
    except (OSError, ValueError):  # ValueError: a null character
        return False


def weights_file(model: ZooModel) -> Path:
    """Path of its weights in the cache, once downloaded."""
    return cache_folder() / model.file_name


def model_file(model: ZooModel) -> Path:
    """Path of its model file, once exported."""
    return DEFAULT_MODEL.parent / f"{model.name}.onnx"
