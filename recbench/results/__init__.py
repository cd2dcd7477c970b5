"""Step 6, results: results, the tables that compare them, and their footers."""
