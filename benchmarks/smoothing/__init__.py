"""Compare filters on simulated people: ``python -m benchmarks.smoothing``."""
