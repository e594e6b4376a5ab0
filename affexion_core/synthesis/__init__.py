"""Speech providers, one file each."""
