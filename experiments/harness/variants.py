"""Trainings beside those that were asked for, by which float32 is judged: scratch, nudged.

They are cells in a mode of their own: `nudged-1`, `nudged-2`, ..., each nudged differently.
"""

from collections.abc import Callable

from experiments.harness.nudge import nudged
from frameworks import Builder

__all__ = ["change", "nudges"]


def nudges(count: int) -> list[str]:
    """Return the modes of so many nudged trainings.

    >>> nudges(2)
    ['nudged-1', 'nudged-2']
    """
    return [f"nudged-{k}" for k in range(1, count + 1)]


def change(mode: str, seed: int) -> Callable[[Builder], Builder]:
    """Return what a mode makes of scratch's builder: nothing in lockstep."""
    if mode == "lockstep":
        return lambda build: build
    number = int(mode.removeprefix("nudged-"))
    return lambda build: nudged(build, (seed, number))
