"""Training in NumPy in any dtype: `np.longdouble` for certified results.

Nothing here is shared with the implementations that are checked. All inputs are exact float64
numbers, integers, or computed in the dtype itself: a Python float in between, such as 1 - 0.999,
would cost the very digits that are to be certified.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np

from experiments.certified import convolutional, dense, transformer
from experiments.certified.loss_functions import LOSSES
from experiments.certified.optimizers import Optimizer
from experiments.certified.problem import TRANSFORMER, Problem

__all__ = ["NetworkTraining", "Training"]

_ROWS_AT_ONCE = 500  # of the test rows


class Training(ABC):
    """One training in one dtype, epoch by epoch: of a network, or of a program (see `programs`).

    To the pages it is what an estimator is to them: a phase may ask an earlier one for its weights
    and its features.
    """

    def __init__(self, problem: Problem, dtype: type[np.floating] = np.longdouble) -> None:
        self.problem, self.dtype = problem, dtype
        self.bits, self.written = np.finfo(dtype).nmant + 1, 21
        self.weights = [w.astype(dtype) for w in problem.weights]
        self.draw = problem.steps()

    @abstractmethod
    def step(self, X: np.ndarray, y: np.ndarray) -> np.floating:
        """Take one step on a batch; return its loss before the step."""

    @abstractmethod
    def test_loss(self) -> np.floating:
        """Return L on the test rows."""

    def epochs(self) -> Iterator[np.floating]:
        """Train, and yield each epoch's loss."""
        for order, _ in self.problem.orders():
            yield self.epoch(order)

    def epoch(self, order: np.ndarray) -> np.floating:
        """Train one epoch; return Σ n L / Σ n over its batches of n rows, L before the update."""
        total, (X, y) = self.dtype(0), self.problem.rows
        if augment := getattr(self.problem.parts, "augment", None):
            X = self.draw.augmented(partial(augment, self.problem.spec), X)
        for batch in self.problem.batches(order):
            total += self.step(X[batch].astype(self.dtype), y[batch]) * len(batch)
        return total / len(order)

    def write(self, x: np.floating) -> str:
        """Format a number; 21 digits distinguish any two longdoubles of 64 bits."""
        return np.format_float_scientific(x, precision=self.written - 1, unique=False)

    def get_weights(self) -> list[np.ndarray]:
        """Return copies of the weights."""
        return [w.copy() for w in self.weights]


class NetworkTraining(Training):
    """The problem's network, trained by its loss and its optimizer."""

    def __init__(self, problem: Problem, dtype: type[np.floating] = np.longdouble) -> None:
        super().__init__(problem, dtype)
        self.network = _network(problem)
        self.loss = LOSSES[problem.formulas.loss]
        self.optimizer = Optimizer(problem, self.weights)

    def epochs(self) -> Iterator[np.floating]:
        """Train, and yield each epoch's loss; stop early where the page says so.

        That is after `patience` epochs in a row whose loss on the held-out rows was not below the
        least so far. The weights of the least one are then restored.
        """
        if not (patience := self.problem.formulas.patience):
            yield from super().epochs()
            return
        assert self.problem.held_out is not None
        least, best, waited = self.dtype(np.inf), self.get_weights(), 0
        for loss in super().epochs():
            yield loss
            if (measured := self.loss_on(*self.problem.held_out)) < least:
                least, best, waited = measured, self.get_weights(), 0
            elif (waited := waited + 1) >= patience:
                break
        for w, kept in zip(self.weights, best, strict=True):
            w[...] = kept

    def step(self, X: np.ndarray, y: np.ndarray) -> np.floating:
        """Take one step on a batch; return its loss before the step."""
        loss, grads = self.gradient(X, y, self.masks(len(X)))
        self.optimizer.step(grads)
        return loss

    def test_loss(self) -> np.floating:
        """Return L on the test rows."""
        return self.loss_on(self.problem.data.X_test, self.problem.data.y_test)

    def loss_on(self, X: np.ndarray, y: np.ndarray) -> np.floating:
        """Return L on rows, without dropout."""
        starts = range(0, len(X), _ROWS_AT_ONCE)
        pieces = [self.forward(X[i : i + _ROWS_AT_ONCE])[-1] for i in starts]
        return self.loss(np.concatenate(pieces), y)[0]

    def masks(self, n: int) -> list[np.ndarray]:
        """Draw the masks of the next step of n rows: 0, or exactly 1/(1 − rate)."""
        pairs = zip(self.draw(n).masks, map(self.dtype, self.problem.formulas.dropout), strict=True)
        return [(mask != 0) / (1 - rate) for mask, rate in pairs]

    def forward(self, X: np.ndarray, masks: Sequence[np.ndarray] = ()) -> list[np.ndarray]:
        """Return what `backward` needs of every layer; the last are the network's outputs."""
        return self.network.forward(
            self.weights, X.astype(self.dtype), self.problem.formulas, *([masks] if masks else [])
        )

    def gradient(
        self, X: np.ndarray, y: np.ndarray, masks: Sequence[np.ndarray] = ()
    ) -> tuple[np.floating, list[np.ndarray]]:
        """Return L, and its gradient in the order of the weights."""
        outputs = self.forward(X, masks)
        loss, da = self.loss(outputs[-1], y)
        grads, _ = self.network.backward(
            self.weights, outputs, da, self.problem.formulas, *([masks] if masks else [])
        )
        return loss, grads


def _network(problem: Problem) -> Any:
    """Return what has the `forward` and `backward` of the problem's layers."""
    if problem.formulas.network == TRANSFORMER:
        return transformer.Transformer(problem.number("heads"), problem.number("norm_epsilon"))
    return convolutional if any(w.ndim == 4 for w in problem.weights) else dense
