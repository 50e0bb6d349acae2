"""Options in files: ``--config``, and ``steadypose init-config``."""
