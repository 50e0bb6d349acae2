"""Who is found, and who is not there: ``python -m benchmarks.presence``."""
