"""Backends: each runs model files through one library.

A new one goes here, with a row in ``engines.registry``.
"""
