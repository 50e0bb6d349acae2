"""Rendered people: labelled pictures of bodies whose keypoints are known exactly."""
