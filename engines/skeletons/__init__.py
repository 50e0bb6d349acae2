"""What keypoints are called and how they connect: the kind of table, and those known by name."""
