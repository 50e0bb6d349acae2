"""The published weights that can be downloaded by name, and where they are kept.

Names read NETWORK-DATASET-HEIGHTxWIDTH and then what is special: ``dark`` (unbiased
targets and decoding), ``fp16`` (trained in mixed precision), ``vis`` (a second head that
guesses visibility), ``v1`` (trained again for OpenMMLab's pose package 1.x). Everything but
the file and its accuracy follows from the name.

Source: the model tables of open-mmlab/mmpose (Apache-2.0), branches 0.x and main. AP is on
COCO val2017 with the flip test and detected boxes; PCKh@0.5 is on MPII's validation part.
Main lists the 256x192 file for ResNet-101 at 384x288, so ``res101-coco-384x288-v1`` does
not exist; ``res101-coco-384x288`` is the 0.x file.
"""

from __future__ import annotations

import difflib
import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import quote

from steadypose.engines import advice
from steadypose.engines.errors import ModelFileError, UsageError
from steadypose.realtime.model.places import DEFAULT_MODEL

BASE_URL = "https://download.openmmlab.com/mmpose/"
_HASH = re.compile(r"-([0-9a-f]{8})_\d{8}\.pth$")

# Folder below BASE_URL: name, accuracy, file without .pth
_FILES = {
    "top_down/resnet": """
res50-coco-256x192          0.718 res50_coco_256x192-ec54d7f3_20200709
res50-coco-384x288          0.731 res50_coco_384x288-e6f795e9_20200709
res101-coco-256x192         0.726 res101_coco_256x192-6e6babf0_20200708
res101-coco-384x288         0.748 res101_coco_384x288-8c71bdc9_20200709
res152-coco-256x192         0.735 res152_coco_256x192-f6e307c2_20200709
res152-coco-384x288         0.750 res152_coco_384x288-3860d4c9_20200709
res50-coco-256x192-dark     0.724 res50_coco_256x192_dark-43379d20_20200709
res50-coco-384x288-dark     0.735 res50_coco_384x288_dark-33d3e5e5_20210203
res101-coco-256x192-dark    0.732 res101_coco_256x192_dark-64d433e6_20200812
res101-coco-384x288-dark    0.749 res101_coco_384x288_dark-cb45c88d_20210203
res152-coco-256x192-dark    0.745 res152_coco_256x192_dark-ab4840d5_20200812
res152-coco-384x288-dark    0.757 res152_coco_384x288_dark-d3b8ebd7_20210203
res50-mpii-256x256          0.882 res50_mpii_256x256-418ffc88_20200812
res101-mpii-256x256         0.888 res101_mpii_256x256-416f5d71_20200812
res152-mpii-256x256         0.889 res152_mpii_256x256-3ecba29d_20200812
""",
    "top_down/hrnet": """
hrnet-w32-coco-256x192      0.746 hrnet_w32_coco_256x192-c78dce93_20200708
hrnet-w32-coco-384x288      0.760 hrnet_w32_coco_384x288-d9f0d786_20200708
hrnet-w48-coco-256x192      0.756 hrnet_w48_coco_256x192-b9e0b3ab_20200708
hrnet-w48-coco-384x288      0.767 hrnet_w48_coco_384x288-314c8528_20200708
hrnet-w32-mpii-256x256      0.900 hrnet_w32_mpii_256x256-6c4f923f_20200812
hrnet-w48-mpii-256x256      0.901 hrnet_w48_mpii_256x256-92cab7bd_20200812
hrnet-w32-mpii-256x256-dark 0.904 hrnet_w32_mpii_256x256_dark-f1601c5b_20200927
hrnet-w48-mpii-256x256-dark 0.905 hrnet_w48_mpii_256x256_dark-0decd39f_20200927
""",
    "top_down/hourglass": """
hourglass52-coco-256x256    0.726 hourglass52_coco_256x256-4ec713ba_20200709
hourglass52-coco-384x384    0.746 hourglass52_coco_384x384-be91ba2b_20200812
hourglass52-mpii-256x256    0.889 hourglass52_mpii_256x256-ae358435_20200812
hourglass52-mpii-384x384    0.894 hourglass52_mpii_384x384-04090bc3_20200812
""",
    "top_down/cpm": """
cpm-coco-256x192            0.623 cpm_coco_256x192-aa4ba095_20200817
cpm-coco-384x288            0.650 cpm_coco_384x288-80feb4bc_20200821
cpm-mpii-368x368            0.876 cpm_mpii_368x368-116e62b8_20200822
""",
    "top_down/deeppose": """
deeppose-res50-coco-256x192  0.526 deeppose_res50_coco_256x192-f6de6c0e_20210205
deeppose-res101-coco-256x192 0.560 deeppose_res101_coco_256x192-2f247111_20210205
deeppose-res152-coco-256x192 0.583 deeppose_res152_coco_256x192-7df89a88_20210205
deeppose-res50-mpii-256x256  0.825 deeppose_res50_mpii_256x256-c63cd0b6_20210203
deeppose-res101-mpii-256x256 0.841 deeppose_res101_mpii_256x256-87516a90_20210205
deeppose-res152-mpii-256x256 0.850 deeppose_res152_mpii_256x256-15f5e6f9_20210205
""",
    "top_down/mobilenetv2": """
mobilenetv2-coco-256x192    0.646 mobilenetv2_coco_256x192-d1e58e7b_20200727
mobilenetv2-mpii-256x256    0.854 mobilenetv2_mpii_256x256-e068afa7_20200812
""",
    "top_down/litehrnet": """
litehrnet18-coco-256x192    0.643 litehrnet18_coco_256x192-6bace359_20211230
litehrnet30-coco-256x192    0.675 litehrnet30_coco_256x192-4176555b_20210626
""",
    "v1/body_2d_keypoint/topdown_heatmap/coco": """
res50-coco-256x192-v1       0.718 td-hm_res50_8xb64-210e_coco-256x192-04af38ce_20220923
res50-coco-384x288-v1       0.731 td-hm_res50_8xb64-210e_coco-384x288-7b8db90e_20220923
res101-coco-256x192-v1      0.728 td-hm_res101_8xb64-210e_coco-256x192-065d3625_20220926
res152-coco-256x192-v1      0.736 td-hm_res152_8xb32-210e_coco-256x192-0345f330_20220928
res152-coco-384x288-v1      0.750 td-hm_res152_8xb32-210e_coco-384x288-7fbb906f_20220927
res50-coco-aic-256x192-vis 0.729 td-hm-vis_res50_8xb64-210e_coco-aic-256x192-merge-21815b2c_20230726
res50-coco-256x192-fp16-v1  0.716 td-hm_res50_fp16-8xb64-210e_coco-256x192-463da051_20220927
res50-coco-256x192-dark-v1  0.724 td-hm_res50_dark-8xb64-210e_coco-256x192-c129dcb6_20220926
res50-coco-384x288-dark-v1  0.735 td-hm_res50_dark-8xb64-210e_coco-384x288-8b90b538_20220926
res101-coco-256x192-dark-v1 0.733 td-hm_res101_dark-8xb64-210e_coco-256x192-528ec248_20220926
res101-coco-384x288-dark-v1 0.749 td-hm_res101_dark-8xb64-210e_coco-384x288-487d40a4_20220926
res152-coco-256x192-dark-v1 0.743 td-hm_res152_dark-8xb32-210e_coco-256x192-f754df5f_20221031
res152-coco-384x288-dark-v1 0.755 td-hm_res152_dark-8xb32-210e_coco-384x288-329f8454_20221031
hrnet-w32-coco-256x192-v1   0.749 td-hm_hrnet-w32_8xb64-210e_coco-256x192-81c58e40_20220909
hrnet-w32-coco-384x288-v1   0.761 td-hm_hrnet-w32_8xb64-210e_coco-384x288-ca5956af_20220909
hrnet-w48-coco-256x192-v1   0.756 td-hm_hrnet-w48_8xb32-210e_coco-256x192-0e67c616_20220913
hrnet-w48-coco-384x288-v1   0.767 td-hm_hrnet-w48_8xb32-210e_coco-384x288-c161b7de_20220915
vitpose-small-coco-256x192  0.739 td-hm_ViTPose-small_8xb64-210e_coco-256x192-62d7a712_20230314
vitpose-base-coco-256x192   0.757 td-hm_ViTPose-base_8xb64-210e_coco-256x192-216eae50_20230314
""",
}
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
    """One file of published weights and what a state dict does not say about itself.

    Attributes:
        name: What users call it.
        network: Key of the network's definition; empty where we have none, so that the
            file can be downloaded but has to be exported elsewhere.
        input_hw: Crop height and width of the training, pixels.
        skeleton: ``coco17`` or ``mpii16``.
        path: The file, below ``BASE_URL``.
        accuracy: As published, such as ``AP 0.718`` or ``PCKh 0.882``.
        refine: Decoding of the published figure, ``quarter`` or ``dark``. (ViTPose: DARK
            after an unbiased warp, Huang et al. 2020, arXiv:1911.07524.)
        sigma: Standard deviation of the training targets, heatmap cells.
        licence: Of the file; the pictures it was learnt from have terms of their own.
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

    @property
    def file_name(self) -> str:
        """The last part of the path."""
        return self.path.rpartition("/")[2]

    @property
    def hash_prefix(self) -> str:
        """The first 8 hex digits of the file's SHA-256, from its name.

        Raises:
            UsageError: The name carries none.
        """
        found = _HASH.search(self.file_name)
        if found is None:
            raise UsageError(
                f"{self.file_name} does not end in -HASH_DATE.pth", fix="correct the zoo's entry"
            )
        return found.group(1)

    @property
    def url(self) -> str:
        """Where it was published."""
        return BASE_URL + quote(self.path)

    def require_network(self) -> None:
        """Only what is defined here can be exported here.

        Raises:
            ModelFileError: Its network is not; it has to be wrapped.
        """
        if not self.network:
            raise ModelFileError(
                f"{self.name} is a network that steadypose does not define",
                fix=advice.WRAP_FOREIGN,
            )


def _model(name: str, figure: str, path: str) -> ZooModel:
    """What a row of the table means."""
    found = re.fullmatch(r"([a-z0-9-]+?)-(coco|mpii)(?:-aic)?-(\d+)x(\d+)(.*)", name)
    assert found is not None, name
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
        # The large MPII hourglass was trained with 2, other than the large COCO networks.
        sigma=3.0 if is_coco and int(height) == 384 else 2.0,
    )


def _read_table() -> dict[str, ZooModel]:
    models = {}
    for folder, rows in _FILES.items():
        for row in rows.split("\n")[1:-1]:
            name, figure, stem = row.split()
            models[name] = _model(name, figure, f"{folder}/{stem}.pth")
    return models


MODELS: dict[str, ZooModel] = _read_table()


def find(name: str) -> ZooModel:
    """The model of that name.

    Raises:
        UsageError: There is none; the message names the nearest.
    """
    model = MODELS.get(name.lower().replace("_", "-"))
    if model is None:
        key = name.lower().replace("_", "-")
        near = [known for known in MODELS if known.startswith(key)][:4]
        near = near or difflib.get_close_matches(key, MODELS, n=3, cutoff=0.5)
        told = f"; nearest: {', '.join(near)}" if near else ""
        raise UsageError(
            f"no published model is called {name!r}{told}", fix="--list-models shows them all"
        )
    return model


def cache_folder() -> Path:
    """Where downloads are kept, absolute; it may not exist yet.

    STEADYPOSE_CACHE, else ``steadypose`` in XDG_CACHE_HOME, else in the user's folder for
    such files.

    Raises:
        UsageError: Nothing says where the user's files are.
    """
    try:  # absolute: a child process may have another working folder
        return _said_folder().absolute()
    except (RuntimeError, OSError) as error:
        raise UsageError(
            f"there is no place for downloads: {error}", fix="set STEADYPOSE_CACHE to a folder"
        ) from error


def _said_folder() -> Path:
    """As the environment says it.

    Raises:
        RuntimeError: It says nothing.
    """
    if chosen := os.environ.get("STEADYPOSE_CACHE"):
        return Path(chosen).expanduser()
    xdg = os.environ.get("XDG_CACHE_HOME", "")
    if Path(xdg).is_absolute():  # others are to be ignored, says the XDG specification
        return Path(xdg) / "steadypose"
    if sys.platform == "win32":
        local = os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local"
        return Path(local) / "steadypose" / "Cache"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "steadypose"
    return Path.home() / ".cache" / "steadypose"


def lies_here(path: Path) -> bool:
    """Whether something is there; no where it cannot be found out.

    ``Path.exists`` raises, up to Python 3.13, for a name that is too long or a folder that
    may not be read.
    """
    try:
        return path.exists()
    except (OSError, ValueError):  # ValueError: a null character
        return False


def weights_file(model: ZooModel) -> Path:
    """Where its weights lie in the cache, once downloaded."""
    return cache_folder() / model.file_name


def model_file(model: ZooModel) -> Path:
    """Where its model file lies, once exported."""
    return DEFAULT_MODEL.parent / f"{model.name}.onnx"
