"""Makes model files and engine files; the only package that imports torch."""
