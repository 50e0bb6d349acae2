"""The page itself, as data: it loads nothing from anywhere else."""
