"""Find and track people: frames in, poses with ids out. Start reading at ``pipeline``."""
