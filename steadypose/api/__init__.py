"""What ``import steadypose`` offers. Start reading at ``frames``."""
