"""Steps 3 and 4, fit and score: each model runs in a separate process."""
