"""Step 5, evaluation: the referee, ranks, metrics and how sure each number is."""
