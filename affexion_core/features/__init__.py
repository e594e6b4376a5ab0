"""Feature front-ends, one file each."""
