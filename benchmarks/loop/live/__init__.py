"""Poses sent live: what that costs the loop, and how old they are where they arrive."""
