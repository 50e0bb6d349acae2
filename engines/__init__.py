"""Runs a model file on a device: crops in, keypoints out. Knows arrays, not people."""
