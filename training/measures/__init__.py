"""Measure keypoint accuracy: PCK, OKS AP. Start reading at ``metrics``."""
