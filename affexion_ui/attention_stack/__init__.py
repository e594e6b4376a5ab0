"""Attention over a clip's spectrogram, on one time axis with the player."""
