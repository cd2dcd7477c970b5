"""How results look: text, HTML and frames."""
