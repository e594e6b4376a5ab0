"""Changes to a signal, one file each."""
