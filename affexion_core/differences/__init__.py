"""What tells sets of clips apart, what gives labels away, and what stands on both sides of a split."""
