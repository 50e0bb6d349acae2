"""The TensorRT backend: driver, memory, plans. Start reading at ``opening``."""
