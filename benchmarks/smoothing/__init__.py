"""Filters compared on simulated people: ``python -m benchmarks.smoothing``."""
