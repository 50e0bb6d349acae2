"""Poses sent to other programs as they happen."""
