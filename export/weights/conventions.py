"""What the weights of each published code base were trained on.

A state dict does not say it, and a wrong order of colours or a shifted grid costs accuracy
without any message. Sources: the training configurations and data loaders of
microsoft/human-pose-estimation.pytorch (MIT; it reads pictures as BGR and applies ImageNet's
statistics in their R, G, B order), leoxiaobin/deep-high-resolution-net.pytorch (MIT),
open-mmlab/mmpose (Apache-2.0) and princeton-vl/pytorch_stacked_hourglass (BSD-3); the graph of
MoveNet SinglePose v4 (Apache-2.0).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from steadypose.engines.skeletons.people import MPII16
from steadypose.export.models.registry import kind_of

_PUBLISHED: dict[str, Any] = {
    "deconv": (256, 256, 256),
    "cells": "corner",
    "refine": "quarter",
    "sigma": 2.0,
}
CONVENTIONS: Mapping[str, Mapping[str, Any]] = {
    "steadypose": {},
    "microsoft": {**_PUBLISHED, "network": "pose_resnet50", "colour": "bgr"},
    "leoxiaobin": {**_PUBLISHED, "network": "hrnet_w32"},
    "openmmlab": {**_PUBLISHED, "network": "pose_resnet50"},
    "princeton": {
        **_PUBLISHED,
        "network": "hourglass8",
        "mean": (0.0, 0.0, 0.0),
        "std": (1.0, 1.0, 1.0),
        "skeleton": MPII16,
    },
    "movenet": {
        "network": "movenet_lightning",
        "mean": kind_of("movenet_lightning").mean,
        "std": kind_of("movenet_lightning").std,
        "padding": 1.35,
    },
}
"""Fields of ``weights.recipe.Recipe`` that differ from its defaults, per code base."""
