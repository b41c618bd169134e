"""Python's and NumPy's global random numbers, which a network may draw: the process's own."""

import random
from collections.abc import Callable
from typing import Any

import numpy as np

__all__ = [
    *("GlobalNumbers", "global_numbers", "refuse_drawn", "seed_global_numbers"),
    "set_global_numbers",
]

GlobalNumbers = tuple[Any, tuple[Any, ...]]


def global_numbers() -> GlobalNumbers:
    """Return the states of Python's and NumPy's global random numbers; equal ones are equal."""
    name, numbers, *rest = np.random.get_state()  # noqa: NPY002 - what the user's model draws from
    return random.getstate(), (name, np.asarray(numbers).tobytes(), *rest)


def seed_global_numbers(seed: int) -> None:
    """Begin both with a seed."""
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002


def set_global_numbers(states: GlobalNumbers) -> None:
    """Restore what `global_numbers` returned."""
    of_python, (name, numbers, *rest) = states
    random.setstate(of_python)
    state = (name, np.frombuffer(numbers, np.uint32), *rest)
    np.random.set_state(state)  # noqa: NPY002


def refuse_drawn(step: Callable[[], None], before: GlobalNumbers) -> None:
    """Raise RuntimeError if a step draws the global numbers, and put them back to `before`.

    They have moved in an epoch, but perhaps another thread drew them: so two steps are taken, which
    `step` undoes. What moves them in neither or in one was no step.
    """
    for _ in range(2):
        start = global_numbers()
        step()
        if global_numbers() == start:
            return
    set_global_numbers(before)
    raise RuntimeError(
        "the network, or its step, draws Python's or NumPy's global random numbers, which "
        "other implementations cannot reproduce: keep a generator of its own, with a seed"
    )
