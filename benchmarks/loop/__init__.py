"""What a frame, a start and a recording cost."""
