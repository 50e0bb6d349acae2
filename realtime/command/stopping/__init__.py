"""Every way to end a run: signals, a closed console, a user who logs off."""
