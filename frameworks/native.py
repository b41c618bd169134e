"""Training as each framework's users write it, with that framework's own defaults.

A page's builder provides the layers and the loss. Of its optimizer only the kind and the learning
rate, with its schedule, are used; the rest, such as epsilon, is the framework's default, but for an
optimizer of a class of the page's own, for which no framework has another. The framework draws the
initial weights and shuffles the rows in its own way. Nothing is aligned, and a seed means something
different in each framework. The loops are in the `native` module of each implementation's folder.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import numpy as np

from frameworks.errors import RequestError
from frameworks.program import Builder, Parts, Program, name_of, other_outputs
from frameworks.spec import Spec
from frameworks.task import Task
from scratch import Batch, EpochResult

__all__ = ["Report", "TrainNatively", "Trained", "own_course", "require_outputs"]

Report = Callable[[int, float], None]  # called with an epoch's number, from 1, and its loss


class Trained(NamedTuple):
    """A trained network; weights are in the framework's own layout."""

    history: list[EpochResult]
    initial_weights: list[np.ndarray]
    weights: list[np.ndarray]
    threshold: float | None  # a single output above it means the second of two classes
    outputs: Callable[[np.ndarray], np.ndarray]  # (n, k) for X (n, d)
    loss: Callable[[np.ndarray, np.ndarray], float]  # the framework's own, of outputs and targets
    own_optimizer: bool  # of a class that is none of the framework's, and so trained as it is


class TrainNatively(Protocol):
    """An implementation's native loop."""

    def __call__(
        self, build: Builder, spec: Spec, seed: int, data: Batch, task: Task, report: Report
    ) -> Trained:
        """Train the builder's network on data for `spec.epochs` epochs."""


def require_outputs(build: Builder, outputs: Any, targets: tuple[int, ...]) -> None:
    """Raise RequestError unless what a network returns for some rows is shaped as targets need.

    A loss may broadcast (n,) with (n, 1) to (n, n), and train another network without a word.
    """
    if not hasattr(outputs, "shape"):
        raise RequestError(
            f"the network of {name_of(build)} returns a {type(outputs).__name__}, the targets need "
            "one array of outputs"
        )
    if why := other_outputs(build, tuple(outputs.shape[1:]), targets):
        raise RequestError(why)


def own_course(parts: Parts | Program) -> str:
    """Return what of a page's training no framework does by itself; "" if it is the usual one."""
    if isinstance(parts, Program):
        return "has a step of its own"
    if parts.augment is not None:
        return "changes its rows in every epoch (augment)"
    return "stops early (stopping)" if parts.stopping is not None else ""
