"""What is checked in files of strangers before anything believes them."""
