"""Before step 1: what is installed, and the files and errors of a plugin's code."""
