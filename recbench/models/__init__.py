"""Steps 3 and 4, fit and score: the methods of a model, and checks of what they return."""
