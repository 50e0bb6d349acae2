"""Time limits. ``asyncio.wait_for`` may swallow a cancellation before Python 3.12 (gh-86296)."""

import sys

if sys.version_info >= (3, 11):
    from asyncio import timeout
else:
    from async_timeout import timeout  # a part of aiohttp there

__all__ = ["timeout"]
