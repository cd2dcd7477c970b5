"""Steps 3 and 4, fit and score: what a model must have, and checks of what it returns."""
