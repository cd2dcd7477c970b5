"""Tuning: look for the best options of models on validation targets."""
