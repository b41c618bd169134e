"""The evidence on which hypotheses about a cause are tested: both sides' numbers at a level.

A hypothesis is a function of the evidence. It recomputes what side b would have got if the
hypothesis held, and returns a sentence if that is what side b did get, else None. It is tested with
the sides swapped, too (see `causes.likely_cause`), and so must not take side a to be right: either
it shows that side a follows the unmodified formula, or its sentence says which side has what, and
is the same both ways.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from frameworks.diverge.differences import Difference, difference
from frameworks.diverge.first_batch import APART, Compared, First, Item
from frameworks.diverge.floor import Floor
from frameworks.diverge.result import Result
from frameworks.diverge.trajectory import Parting, StepPair
from frameworks.held_out import HeldOut
from frameworks.probe import LayerOutput
from frameworks.program import Program
from frameworks.spec import Spec

__all__ = ["Epochs", "Evidence", "Hypothesis", "as_number"]

_ROUNDED = 1e-5  # of the largest magnitude: a layer computed in float32 rounds a few times
_CLOSER = 1e-2  # a hypothesis must explain all but a hundredth of the difference


@dataclass(frozen=True)
class Epochs:
    """The first epoch that differs, where both are trained as `fit` trains, and its losses."""

    epoch: int
    losses: tuple[float, float]

    @property
    def swapped(self) -> "Epochs":
        """The same with the sides swapped."""
        return Epochs(self.epoch, self.losses[::-1])


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
    held_out: tuple[HeldOut | None, HeldOut | None] = None, None  # by which the trainings end
    flipped: bool = False  # whether side a was given second

    @cached_property
    def swapped(self) -> "Evidence":
        """The same evidence with the sides swapped."""
        return replace(
            self,
            compared=[(item.swapped, found.swapped) for item, found in self.compared],
            a=self.b,
            b=self.a,
            history=[pair.swapped for pair in self.history],
            epochs=None if self.epochs is None else self.epochs.swapped,
            results=None if self.results is None else self.results[::-1],
            held_out=self.held_out[::-1],
            flipped=not self.flipped,
        )

    @property
    def finite(self) -> bool:
        """Whether the worst elements of both sides are finite."""
        return not {"nan", "inf", "-inf"} & set(self.found.values)

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
    def of_program(self) -> bool:
        """Whether the steps are a page's own, of one network or several."""
        return isinstance(self.a.opened.adapter.parts, Program)

    @cached_property
    def network(self) -> int:
        """The number of the network whose layer, weight or gradient differs first; else 0."""
        if self.level == "forward":
            return self.item.position // APART
        if self.level in ("inputs", "loss") or "weights." not in self.found.where:
            return 0
        return next(i for i, own in enumerate(self.a.weights_of) if self.item.position in own)

    @property
    def places(self) -> tuple[int, int]:
        """The places, in each side's network, of the layer that differs first."""
        item = self.item
        return item.position % APART, (item.position if item.other is None else item.other) % APART

    @property
    def layers(self) -> tuple[list[LayerOutput], list[LayerOutput]]:
        """Each side's layers of the network that differs first, in the mode in which they do."""
        if self.found.where.endswith("training mode"):
            return self.a.training_layers, self.b.training_layers
        return self.a.networks[self.network][1], self.b.networks[self.network][1]

    @property
    def arrays(self) -> list[int]:
        """The numbers of the weight arrays of the network that differs first, mostly of all."""
        return self.a.weights_of[self.network]

    @property
    def spec(self) -> Spec:
        """The numbers of the training."""
        return self.a.side.blueprint.spec

    @property
    def parting(self) -> StepPair | None:
        """The step that differs: the last of the history or, at the step level, the first."""
        if not self.history:
            pair = None if self.step is None else self.step.pair
            return pair.swapped if pair is not None and self.flipped else pair
        return self.history[0 if self.level == "step" else -1]

    @property
    def names(self) -> tuple[str, str]:
        """The two implementations, or the first and the second if both are the same."""
        first, second = self.a.side.implementation, self.b.side.implementation
        if first != second:
            return first, second
        found = f"the first {first}", f"the second {second}"
        return found[::-1] if self.flipped else found

    def both(self, what: str, ours: str | None, theirs: str | None) -> str | None:
        """Say "scratch {what} {...}, pytorch {...}", alike in both orders; None if one is None."""
        if ours is None or theirs is None or ours == theirs:
            return None
        (one, its), (other, has) = sorted(zip(self.names, (ours, theirs), strict=True))
        return f"{one} {what} {its}; {other} {what} {has}"

    def times(self, what: str, x: Any, y: Any) -> str | None:
        """Say "{what} of pytorch is r times that of scratch" if y = r x and r > 1, or r = -1."""
        r = self.ratio(x, y)
        return None if r is None else self.say_times(what, r)

    def say_times(self, what: str, r: float) -> str | None:
        """Say that side b has r times side a's; None if side a has more: see `swapped`."""
        if as_number(r) == "-1":
            return f"{what} has opposite signs in {' and '.join(sorted(self.names))}"
        if abs(r) < 1 or as_number(r) == "1":
            return None
        return f"{what} of {self.names[1]} is {as_number(r)} times that of {self.names[0]}"

    def rounded(self, x: np.ndarray, y: np.ndarray) -> bool:
        """Return whether float32 holds every number of y, but not of x, and x and y are close."""
        if x.shape != y.shape or x.dtype != np.float64 or y.dtype != np.float64:
            return False
        held = [np.array_equal(each, each.astype(np.float32)) for each in (x, y)]
        return held == [False, True] and difference("", x, y, None).error < _ROUNDED

    def matches(self, x: Any, y: Any, scale: float = 0.0) -> bool:
        """Return whether x equals y, to a small fraction of the difference between the sides.

        `scale`: the least magnitude that the error is relative to, as in `difference`.
        """
        error = difference("", x, y, None, scale).error
        largest = 1e-9 if self.a.side.dtype == "float64" else 1e-4
        return error <= min(largest, _CLOSER * self.found.error)

    def ratio(self, x: Any, y: Any) -> float | None:
        """Return r if y = r x everywhere and r does not print as 0 or 1; else None.

        A single number has a ratio to any other: at least two must differ from zero.
        """
        x, y = np.ravel(np.asarray(x, float)), np.ravel(np.asarray(y, float))
        if x.shape != y.shape or not np.isfinite([x, y]).all() or np.count_nonzero(x) < 2:
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
