"""Programs to compare with, and the processors they are compared on."""
