"""The workspace's database: clips, datasets, labels, runs."""
