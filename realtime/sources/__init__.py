"""Where frames come from: cameras, streams, videos, pictures, the built-in demo."""

from realtime.sources.base import Source
from realtime.sources.opening import SourceOptions, is_camera, open_source, source_files

__all__ = ["Source", "SourceOptions", "is_camera", "open_source", "source_files"]
