"""Steps 1 and 2, data: the log, cleaned and split."""
