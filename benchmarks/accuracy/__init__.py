"""How often keypoints are right."""
