"""How good keypoints are: PCK, OKS AP. Start reading at ``metrics``."""
