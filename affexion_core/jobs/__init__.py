"""Runs in the background: each job a process of its own, supervised by Dask, its state in the store."""
