"""The app: sources, crop, tracks, smoothing, drawing, recording, the loop."""
