"""What a training step sees: samples, augmented and batched. Start reading at ``batches``."""
