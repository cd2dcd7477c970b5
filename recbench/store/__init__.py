"""Step 6, store: keep results in a folder."""
