"""Load, augment and batch training samples. Start reading at ``batches``."""
