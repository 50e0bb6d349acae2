"""Every figure in the documents is printed by a script here."""
