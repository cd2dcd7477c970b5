"""Read times, however they are written."""
