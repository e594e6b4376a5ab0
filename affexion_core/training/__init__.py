"""From datasets to runs."""
