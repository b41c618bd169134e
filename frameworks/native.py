"""Training as each framework's users write it, with that framework's own defaults.

A page's builder gives the layers and the loss; of its optimizer only the kind and the learning
rate, with its schedule, are taken, the rest is the framework's default: epsilon, for one. The
initial weights are those that the framework draws for its layers, and it shuffles the rows its own
way. Nothing is aligned, and the seed means something else in each framework. The loops are in the
`native` module of each implementation's folder.
"""

from collections.abc import Callable
from typing import NamedTuple, Protocol

import numpy as np

from frameworks.program import Builder
from frameworks.spec import Spec
from frameworks.task import Task
from scratch import Batch, EpochResult

__all__ = ["Report", "TrainNatively", "Trained"]

Report = Callable[[int, float], None]  # told the number of an epoch, from 1 on, and its loss


class Trained(NamedTuple):
    """A network after its training; weights are in the framework's own layout."""

    history: list[EpochResult]
    initial_weights: list[np.ndarray]
    weights: list[np.ndarray]
    threshold: float | None  # a single output above it means the second of two classes
    outputs: Callable[[np.ndarray], np.ndarray]  # (n, k) for X (n, d)
    loss: Callable[[np.ndarray, np.ndarray], float]  # the framework's own, of outputs and targets


class TrainNatively(Protocol):
    """An implementation's native loop."""

    def __call__(
        self, build: Builder, spec: Spec, seed: int, data: Batch, task: Task, report: Report
    ) -> Trained:
        """Train what the builder builds on data for `spec.epochs` epochs."""
