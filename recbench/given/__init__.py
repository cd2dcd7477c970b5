"""Before step 1: models that are given as Python objects or files."""
