"""When sound counts as speech, live and in recordings alike."""

SPEECH_ABOVE = 0.5
"""Probability from which 32 ms count as speech: the default of Silero's own package."""
