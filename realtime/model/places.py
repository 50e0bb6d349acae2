"""Paths of the shipped model files, one for each trade-off of accuracy and time.

Chosen by measurement: benchmarks/accuracy/shipped.py prints the table, docs/decisions/ has the
reasons.
"""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MODELS = ROOT / "models"

QUALITIES = {
    "fast": MODELS / "movenet_lightning_192x128.onnx",
    "balanced": MODELS / "movenet_lightning_224x192.onnx",
    "best": MODELS / "movenet_thunder_256x192.onnx",
}
"""Model files by the names of ``--quality``, fastest first."""

DEFAULT_QUALITY = "balanced"
DEFAULT_MODEL = QUALITIES[DEFAULT_QUALITY]
POSE_RESNET = MODELS / "pose_resnet18_224x192.onnx"
"""The network for TensorRT if no published weights have been fetched."""

PUBLISHED = MODELS / "res50-coco-256x192.onnx"
"""The network for TensorRT if its published weights have been fetched."""

SHIPPED = (*QUALITIES.values(), POSE_RESNET)
