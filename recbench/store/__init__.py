"""Step 6, store: the folder of results."""
