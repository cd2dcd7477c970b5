"""For plugin authors: a new package with a plugin that works. `templates` has its files."""
