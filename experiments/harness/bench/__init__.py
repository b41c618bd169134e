"""`lockstep bench`: speeds side by side, as ratios of things timed in turn on the same machine."""
