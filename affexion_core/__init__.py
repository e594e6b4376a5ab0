"""Affexion: from speech clips to measured answers about how something is said."""

__version__ = "0.1.0"
