"""Training as each framework's users write it, with that framework's own defaults.

A page's builder provides the layers and the loss. Of its optimizer only the kind and the learning
rate, with its schedule, are used; the rest, such as epsilon, is the framework's default. The
framework draws the initial weights and shuffles the rows in its own way. Nothing is aligned, and a
seed means something different in each framework. The loops are in the `native` module of each
implementation's folder.
"""

from collections.abc import Callable
from typing import NamedTuple, Protocol

import numpy as np

from frameworks.program import Builder, Parts, Program
from frameworks.spec import Spec
from frameworks.task import Task
from scratch import Batch, EpochResult

__all__ = ["Report", "TrainNatively", "Trained", "own_course"]

Report = Callable[[int, float], None]  # called with an epoch's number, from 1, and its loss


class Trained(NamedTuple):
    """A trained network; weights are in the framework's own layout."""

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
        """Train the builder's network on data for `spec.epochs` epochs."""


def own_course(parts: Parts | Program) -> str:
    """Return what of a page's training no framework does by itself; "" if it is the usual one."""
    if isinstance(parts, Program):
        return "has a step of its own"
    if parts.augment is not None:
        return "changes its rows in every epoch (augment)"
    return "stops early (stopping)" if parts.stopping is not None else ""
