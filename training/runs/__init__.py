"""One training run: network, losses, stages, checkpoints. Start reading at ``run``."""
