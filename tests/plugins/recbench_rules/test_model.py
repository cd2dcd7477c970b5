"""Empty: the tests are in the other files here. This file is to be deleted."""
