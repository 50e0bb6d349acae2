"""Make an HTML report about a recording: ``python -m realtime.report out.csv``."""
