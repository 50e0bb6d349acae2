"""Scripts that print every figure in the documents."""
