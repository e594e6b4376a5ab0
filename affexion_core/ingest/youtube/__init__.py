"""Clips out of YouTube videos: a link, its video fetched once, spans of it cut to the sample."""
