"""The main loop and what it shows: frames and poses in, pictures out. Start reading at ``loop``."""
