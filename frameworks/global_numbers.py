"""Python's and NumPy's global random numbers, which a network may draw: the process's own."""

import os
import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

__all__ = [
    *("ONE_AT_A_TIME", "GlobalNumbers", "drawn_by", "global_numbers", "kept_global_numbers"),
    *("none_drawn", "seed_global_numbers", "set_global_numbers"),
]

GlobalNumbers = tuple[Any, tuple[Any, ...]]

ONE_AT_A_TIME = threading.RLock()
"""Held by the thread that uses what the process has but one of: random numbers, a float type."""

if hasattr(os, "register_at_fork"):  # a child has no thread that would let go of it
    os.register_at_fork(after_in_child=ONE_AT_A_TIME._at_fork_reinit)  # type: ignore[attr-defined]


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


@contextmanager
def kept_global_numbers() -> Iterator[None]:
    """Put them back afterwards: a builder may draw them, and seed them.

    Other threads that build wait meanwhile, so that none draws what another has seeded.
    """
    with ONE_AT_A_TIME:
        before = global_numbers()
        try:
            yield
        finally:
            set_global_numbers(before)


@contextmanager
def none_drawn(
    step: Callable[[], Any],
    who: str = "the network, or its step,",
    remedy: str = "keep a generator of its own, with a seed",
) -> Iterator[None]:
    """Raise RuntimeError if they are drawn in this context by `who`, and put them back.

    `step` does once more what might have drawn them, and leaves nothing behind: see `drawn_by`.
    """
    with ONE_AT_A_TIME:
        before = global_numbers()
        yield
        if global_numbers() != before and drawn_by(step, global_numbers):
            set_global_numbers(before)
            raise RuntimeError(
                f"{who} draws Python's or NumPy's global random numbers, which other "
                f"implementations cannot reproduce: {remedy}"
            )


def drawn_by(step: Callable[[], Any], state: Callable[[], Any]) -> bool:
    """Return whether a step moves a state of the process, and not another thread meanwhile.

    It is taken twice: what moves the state in neither or in one was no step.
    """
    for _ in range(2):
        start = state()
        step()
        if state() == start:
            return False
    return True
