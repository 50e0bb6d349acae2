"""Break the code one line at a time and see which test notices; ``make mutants``."""
