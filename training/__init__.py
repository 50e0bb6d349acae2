"""Trains weights for the networks of ``export.models``."""
