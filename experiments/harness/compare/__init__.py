"""`lockstep compare`: what changed between two runs, and whether that is for the worse.

`stored_run` reads a run, `conditions` says which trainings can be compared at all and what changed
around them, `change` measures what changed, `rules` gives the verdicts, `comparison` puts it
together as what `schema` describes, and `views` shows it.
"""
