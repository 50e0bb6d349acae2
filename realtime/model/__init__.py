"""Choose, find, download and open a run's model or engine file. Start at ``choice``."""
