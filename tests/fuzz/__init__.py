"""Readers of foreign bytes, fed with bytes that nobody meant: a sentence, or a result, in time."""
