"""Foreign ONNX networks inside our model-file contract."""
