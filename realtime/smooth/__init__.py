"""Temporal filters that remove jitter from keypoints."""
