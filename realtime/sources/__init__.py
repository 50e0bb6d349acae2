"""Sources of frames: cameras, streams, videos, pictures, the built-in demo."""
