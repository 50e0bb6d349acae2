"""Check that exported files compute the same as the network. Start reading at ``parity``."""
