"""Build TensorRT plans from ONNX. Start reading at ``process``."""
