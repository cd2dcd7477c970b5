"""Before step 1: what is given as Python objects or files, in place of names."""
