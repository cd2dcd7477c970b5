"""Outside the flow: recommendations for one user or for many."""
