"""How ONNX becomes a TensorRT plan. Start reading at ``process``."""
