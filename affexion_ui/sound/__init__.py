"""Clips to listen to: what the server makes of them, and the player that a page shows."""
