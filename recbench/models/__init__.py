"""Step 3, models: what a model must be able to do, and what its answers must be."""
