"""Speaking many sentences: what it costs, doing it without paying twice, listening, and bringing the clips in."""
