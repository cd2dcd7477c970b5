"""Empty: the model is in rules.py now. This file is to be deleted."""
