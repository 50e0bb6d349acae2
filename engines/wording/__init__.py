"""How things are said: names made harmless, and what users are told to do."""
