"""Archives: many videos to their tables, resumable, on several processes or on Ray."""
