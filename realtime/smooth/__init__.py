"""Take the jitter out of keypoints over time."""
