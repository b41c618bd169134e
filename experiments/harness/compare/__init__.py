"""`lockstep compare`: what changed between two runs, and whether anything got worse.

`stored_run` reads a run, `conditions` says which trainings can be compared and what changed around
them, `change` measures the changes, `rules` gives the verdicts, `comparison` assembles them into
what `schema` describes, and `views` shows it.
"""
