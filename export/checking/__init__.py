"""Whether exported files compute what the network computes. Start reading at ``parity``."""
