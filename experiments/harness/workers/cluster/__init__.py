"""Training on a Dask cluster: which of its workers may train, what they are sent, what comes back.

Everything that a Dask worker executes is in `on_worker`; all else is the asker's side.
"""
