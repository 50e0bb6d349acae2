"""What the systems' camera interfaces want: modes, times, names, reasons to refuse."""
