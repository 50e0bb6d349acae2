"""Key names and shapes of published checkpoints, written from their layer tables.

Nothing here may come from our own networks: it is what they are compared with.
"""
