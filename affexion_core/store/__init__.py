"""The database of a workspace: clips, datasets, annotations, runs.

Open it with `affexion_core.store.session.open_store`; every function takes the store first.
"""
