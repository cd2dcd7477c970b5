"""Step 5, evaluate: the referee, ranks, metrics and their uncertainty."""
