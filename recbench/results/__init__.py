"""Step 6, results: what was found, side by side, and what may be said of it."""
