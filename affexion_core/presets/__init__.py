"""Ready recipes that reproduce published systems, one file each."""
