"""The evidence on which hypotheses about a cause are tested: both sides' numbers at a level.

A hypothesis is a function of the evidence. It recomputes what side b would have got if the
hypothesis held, and returns a sentence if that is what side b did get, else None.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from frameworks.diverge.differences import Difference, difference
from frameworks.diverge.first_batch import Compared, First, Item
from frameworks.diverge.floor import Floor
from frameworks.diverge.result import Result
from frameworks.diverge.trajectory import Parting, StepPair
from frameworks.spec import Spec

__all__ = ["Epochs", "Evidence", "Hypothesis", "as_number"]

_CLOSER = 1e-2  # a hypothesis must explain all but a hundredth of the difference


@dataclass(frozen=True)
class Epochs:
    """The state of side b, trained as `fit` trains, after the first epoch that differs."""

    epoch: int
    loss: float
    weights: list[np.ndarray]


@dataclass(frozen=True)
class Evidence:
    """What was compared at one level and, if it differs, what else is known."""

    level: str
    compared: Sequence[Compared]
    a: First
    b: First
    history: list[StepPair] = field(default_factory=list)  # steps up to the one that differs
    step: Parting | None = None  # the first step that differs, if one was searched for
    epoch: Difference | None = None  # the epoch that differs, in which the step was searched for
    epochs: Epochs | None = None  # where the training differs, if no step does
    results: tuple[Result, Result] | None = None
    floor: Floor | None = None  # that judges whole trainings, if one was measured

    @cached_property
    def first(self) -> Compared | None:
        """The first comparison that differs, with its item."""
        return next((each for each in self.compared if each[1].parted), None)

    @property
    def item(self) -> Item:
        """The item that differs first."""
        assert self.first is not None
        return self.first[0]

    @property
    def found(self) -> Difference:
        """Where it differs, and by how much."""
        assert self.first is not None
        return self.first[1]

    @property
    def pair(self) -> tuple[np.ndarray, np.ndarray]:
        """The two arrays that differ."""
        return self.item.a, self.item.b

    @cached_property
    def parted(self) -> set[int]:
        """The positions of all items that differ: layers, or weights."""
        return {item.position for item, each in self.compared if each.parted}

    @property
    def spec(self) -> Spec:
        """The numbers of the training."""
        return self.a.side.blueprint.spec

    @property
    def parting(self) -> StepPair | None:
        """The step that differs: the last of the history or, at the step level, the first."""
        if not self.history:
            return None
        return self.history[0 if self.found.step is None else -1]

    @property
    def names(self) -> tuple[str, str]:
        """The two implementations."""
        return self.a.side.implementation, self.b.side.implementation

    def matches(self, x: Any, y: Any) -> bool:
        """Return whether x equals y, to a small fraction of the difference between the sides."""
        error = difference("", x, y, None).error
        largest = 1e-9 if self.a.side.dtype == "float64" else 1e-4
        return error <= min(largest, _CLOSER * self.found.error)

    def ratio(self, x: Any, y: Any) -> float | None:
        """Return r if y = r x everywhere and r does not print as 0 or 1; else None."""
        x, y = np.ravel(np.asarray(x, float)), np.ravel(np.asarray(y, float))
        if x.shape != y.shape or not np.isfinite(y).all() or not np.abs(x).max(initial=0):
            return None
        largest = int(np.abs(x).argmax())
        r = float(y[largest] / x[largest])
        shows = as_number(r) not in ("0", "-0", "1")
        return r if shows and self.matches(r * x, y) else None


Hypothesis = Callable[[Evidence], str | None]


def as_number(x: float) -> str:
    """Format a number in at most six significant digits.

    >>> as_number(0.30000000000000004), as_number(1 / 3), as_number(32.0)
    ('0.3', '0.333333', '32')
    """
    return f"{x:.6g}"
