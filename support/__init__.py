"""After-sales support itself: its words and its rules, without any I/O."""
