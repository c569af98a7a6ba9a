"""Widget and console in a real browser, customer and agent side by side."""
