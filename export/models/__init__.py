"""Definitions of the networks, and of what a model file adds around them."""
