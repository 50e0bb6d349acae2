"""A made-up animal, rendered with its own skeleton: something to try training on."""
