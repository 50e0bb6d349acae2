"""Batches made on the device, from pictures that stay there. Start reading at ``batches``."""
