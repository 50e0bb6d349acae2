"""The model files that ship: a row each of accuracy against time.

Chosen by measurement: benchmarks/accuracy/shipped.py prints the table, docs/decisions/ says why.
"""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MODELS = ROOT / "models"

QUALITIES = {
    "fast": MODELS / "movenet_lightning_192x160.onnx",
    "balanced": MODELS / "movenet_lightning_224x192.onnx",
    "best": MODELS / "movenet_thunder_256x192.onnx",
}
"""What ``--quality`` names, from the fastest on."""

DEFAULT_QUALITY = "balanced"
DEFAULT_MODEL = QUALITIES[DEFAULT_QUALITY]
POSE_RESNET = MODELS / "pose_resnet18_192x160.onnx"
"""The network of the TensorRT path where no published weights have been fetched."""

PUBLISHED = MODELS / "res50-coco-256x192.onnx"
"""The network of the TensorRT path where its published weights have been fetched."""

SHIPPED = (*QUALITIES.values(), POSE_RESNET)
