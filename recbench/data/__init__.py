"""Steps 1 and 2, data: load, clean and split interactions."""
