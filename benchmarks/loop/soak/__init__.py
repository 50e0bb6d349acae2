"""Mixed trouble for minutes or an hour: what is lost, and what grows."""
