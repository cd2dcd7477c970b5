"""Read logs written as text: tables, pairs and lists, with or without a header."""
