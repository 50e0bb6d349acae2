"""Costs of a frame, a start and a recording."""
