"""Long recordings: where somebody speaks, how it is said, and files that other programs read."""
