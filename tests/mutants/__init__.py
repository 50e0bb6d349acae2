"""Break the code one line at a time and see which tests fail; ``make mutants``."""
