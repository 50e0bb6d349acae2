"""Readers of what training and export are given: labels, weights."""

from __future__ import annotations

import io
import json
from pathlib import Path


def read_labels(path: Path) -> None:
    """COCO's JSON."""
    from training.datasets.coco_file import read_coco

    read_coco(path)


def labels() -> list[bytes]:
    """Of two people, one of whom is a crowd."""
    person = {"id": 1, "image_id": 7, "category_id": 1, "iscrowd": 0, "area": 900.0}
    content = {
        "images": [{"id": 7, "file_name": "a.jpg", "width": 64, "height": 48}],
        "annotations": [
            {**person, "bbox": [1, 2, 30, 40], "keypoints": [5, 6, 2] * 17, "num_keypoints": 17},
            {**person, "id": 2, "iscrowd": 1, "bbox": [0, 0, 9, 9], "keypoints": [0] * 51},
        ],
        "categories": [{"id": 1, "name": "person", "keypoints": ["nose"], "skeleton": [[1, 2]]}],
    }
    return [json.dumps(content).encode()]


def read_matlab(path: Path) -> None:
    """A .mat file of the older data sets."""
    from training.datasets.matlab import read_mat

    read_mat(path)


def matlab() -> list[bytes]:
    """As LSP (an array) and MPII (structs in structs) have them, compressed and not."""
    import numpy as np
    from scipy.io import savemat

    people = np.zeros(2, [("name", "O"), ("annorect", "O")])
    for person in people:
        person["name"], person["annorect"] = "a.jpg", np.ones((1, 3))
    found = []
    for is_compressed in (False, True):
        data = io.BytesIO()
        content = {"joints": np.arange(84.0).reshape(3, 14, 2), "RELEASE": {"annolist": people}}
        savemat(data, content, do_compression=is_compressed)
        found.append(data.getvalue())
    return found


def read_weights(path: Path) -> None:
    """A checkpoint."""
    from steadypose.export.weights.state_dict import load_weights

    load_weights(path)


def weights() -> list[bytes]:
    """torch's archive and its older form, plain and as a training's checkpoint."""
    import torch

    state = {"conv.weight": torch.ones(2, 3), "conv.bias": torch.zeros(2)}
    found = []
    for content in (state, {"state_dict": state, "epoch": 3, "log": [1.0, None, "x"]}):
        for is_archive in (True, False):
            data = io.BytesIO()
            torch.save(content, data, _use_new_zipfile_serialization=is_archive)
            found.append(data.getvalue())
    return found


def safetensors() -> list[bytes]:
    """Two tensors."""
    import torch
    from safetensors.torch import save

    return [save({"conv.weight": torch.ones(2, 3), "conv.bias": torch.zeros(2)})]
