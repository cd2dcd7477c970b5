"""Read JSON lines."""
