"""Synthetic vs real: how far a model trained on synthetic speech carries over to people, and what closes the gap."""
