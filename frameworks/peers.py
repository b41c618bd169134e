"""A training loop as one writes it without lockstep, and what a benchmark asks of it."""

from typing import Protocol

import numpy as np

from frameworks.program import Builder
from frameworks.spec import Spec
from frameworks.task import Task
from scratch import Batch

__all__ = ["Arrays", "Loop", "MakeLoop", "Unavailable"]

Arrays = list[np.ndarray]


class Unavailable(Exception):
    """A loop that cannot be had for this experiment, or on this machine; the message says why."""


class Loop(Protocol):
    """Trains what a builder builds, as someone at home in that framework would.

    It is built once and trains many times; what it compiles, it compiles at first. It keeps the
    loss of every batch, and where there are classes the number of right answers.
    """

    def train(self, weights: Arrays, orders: Arrays) -> float:
        """Train from these weights, an epoch for each order (n,) of the rows; return the mean loss.

        The optimizer has no memory of an earlier training. The mean is over all rows of all epochs,
        each before its update.
        """


class MakeLoop(Protocol):
    """How a loop is made."""

    def __call__(self, build: Builder, data: Batch, spec: Spec, task: Task) -> Loop:
        """Build it for inputs X (n, d) and targets y as the builder's loss takes them."""
