"""What a hypothesis about the cause is tested on: the numbers of both sides, at the first parting.

A hypothesis is a function of the evidence. It recomputes what side b would have got if the
hypothesis held, and returns a sentence if that is what side b got, and None if not.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from frameworks import Spec
from frameworks.diverge.differences import Difference, difference
from frameworks.diverge.floor import Floor
from frameworks.diverge.result import Result
from frameworks.diverge.side import First
from frameworks.diverge.trajectory import StepPair

__all__ = ["Epochs", "Evidence", "Hypothesis", "as_number"]

_CLOSER = 1e-2  # a hypothesis has to explain all but a hundredth of the difference


@dataclass(frozen=True)
class Epochs:
    """Where side b was after the first epoch that parts, as it is really trained."""

    epoch: int
    loss: float
    weights: list[np.ndarray]


@dataclass(frozen=True)
class Evidence:
    """The two sides, and the first difference between them."""

    a: First
    b: First
    found: Difference
    position: int = 0  # of the layer or the weight that parts first
    parted: frozenset[int] = frozenset()  # all weights that part on this level
    history: list[StepPair] = field(default_factory=list)  # of steps, the last one parted
    step: Difference | None = None  # the first of the training that parts, if one does
    epoch: Difference | None = None  # the one that parts, which the step was looked for in
    gradients: Difference | None = None  # of that step, from equal weights
    epochs: Epochs | None = None  # where epochs part
    results: tuple[Result, Result] | None = None
    floor: Floor | None = None  # of float32, where whole trainings are judged

    @property
    def spec(self) -> Spec:
        """The numbers on the experiment's page."""
        return self.a.side.page.SPEC

    @property
    def parting(self) -> StepPair | None:
        """The step that parts: the last of the training's, or the first one of all."""
        if not self.history:
            return None
        return self.history[0 if self.found.step is None else -1]

    @property
    def names(self) -> tuple[str, str]:
        """The two implementations."""
        return self.a.side.implementation, self.b.side.implementation

    def matches(self, x: Any, y: Any) -> bool:
        """Say whether x is y, to far better than the two sides are apart."""
        error = difference("", x, y, None).error
        largest = 1e-9 if self.a.side.dtype == "float64" else 1e-4
        return error <= min(largest, _CLOSER * self.found.error)

    def ratio(self, x: Any, y: Any) -> float | None:
        """Return r if y = r x everywhere, and r shows as neither 1 nor 0."""
        x, y = np.ravel(np.asarray(x, float)), np.ravel(np.asarray(y, float))
        if x.shape != y.shape or not np.isfinite(y).all() or not np.abs(x).max(initial=0):
            return None
        largest = int(np.abs(x).argmax())
        r = float(y[largest] / x[largest])
        shows = as_number(r) not in ("0", "-0", "1")
        return r if shows and self.matches(r * x, y) else None


Hypothesis = Callable[[Evidence], str | None]


def as_number(x: float) -> str:
    """Give a number in the few digits that tell it.

    >>> as_number(0.30000000000000004), as_number(1 / 3), as_number(32.0)
    ('0.3', '0.333333', '32')
    """
    return f"{x:.6g}"
