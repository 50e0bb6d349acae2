"""Which model or engine file a run takes, where it lies, how it got there. Start at ``choice``."""
