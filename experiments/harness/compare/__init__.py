"""`lockstep compare`: what changed between two runs, and whether that is for the worse.

`stored_run` reads a run, `comparability` says which trainings can be compared at all, `measures`
and `flips` measure what changed, `rules` gives the verdicts, `times` looks at the seconds,
`comparison` puts it together, and `tables` and `document` show it.
"""
