"""One writer and one reader for each table format. Start reading at ``entry``."""
