"""When two trainings agree.

`limits` says how far apart they may be, `distances` measures it; `nudge` and `noise_floor` find out
what rounding alone does, `controls` what a known difference does, and `verdict` decides.
`equivalence` is for native runs, whose trainings share nothing.
"""
