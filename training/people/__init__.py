"""Render people as training images whose keypoints are known exactly."""
