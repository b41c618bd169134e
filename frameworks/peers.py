"""The interface of training loops as one writes them without lockstep, for the benchmark."""

from typing import Protocol

import numpy as np

from frameworks.program import Builder
from frameworks.spec import Spec
from frameworks.task import Task
from scratch import Batch

__all__ = ["Arrays", "Loop", "MakeLoop", "Unavailable"]

Arrays = list[np.ndarray]


class Unavailable(Exception):
    """The loop does not support this experiment or machine; the message says why."""


class Loop(Protocol):
    """Trains a builder's network the way an experienced user of the framework would.

    It is built once and trains many times; it compiles at most once. It records the loss of every
    batch and, for a classification, the number of right answers.
    """

    def train(self, weights: Arrays, orders: Arrays) -> float:
        """Train from these weights, one epoch per order (n,) of the rows; return the mean loss.

        The optimizer starts without state. The mean is over all rows of all epochs, each before its
        update.
        """


class MakeLoop(Protocol):
    """How a loop is made."""

    def __call__(self, build: Builder, data: Batch, spec: Spec, task: Task) -> Loop:
        """Build it for inputs X (n, d) and targets y as the builder's loss takes them."""
