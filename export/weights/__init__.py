"""Checkpoints and published weights: their names, recipes and downloads. Start at ``recipe``."""
