"""Measure how people are found, and false detections: ``python -m benchmarks.presence``."""
