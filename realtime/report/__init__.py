"""A page about a recording: ``python -m realtime.report out.csv``."""
