"""Where frames come from: cameras, streams, videos, pictures, the built-in demo."""

from realtime.sources.base import Source
from realtime.sources.opening import SourceOptions, open_source, source_files

__all__ = ["Source", "SourceOptions", "open_source", "source_files"]
