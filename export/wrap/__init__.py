"""Wrap foreign ONNX networks as model files."""
