"""Corpus readers, one file each."""
