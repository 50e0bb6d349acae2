"""From a frame to poses of people with ids. Start reading at ``pipeline``."""
