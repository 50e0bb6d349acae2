"""The main loop and its display: window, drawing, keys, clock. Start reading at ``loop``."""
