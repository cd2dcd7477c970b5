"""Steps 3 and 4, models: a model in a process of its own."""
