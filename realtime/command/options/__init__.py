"""Options: typed, ranged, with units and defaults. Start reading at ``command_line``."""
