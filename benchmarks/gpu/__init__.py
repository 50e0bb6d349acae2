"""Benchmark TensorRT on a GPU: ``python -m benchmarks.gpu``."""
