"""Train weights for the networks of ``steadypose.export.models``."""
