"""The command line: options, settings, checks and messages. Start reading at ``options``."""
