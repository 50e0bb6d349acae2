"""What people keep: tables of keypoints, annotated video, snapshots; and reading them back."""
