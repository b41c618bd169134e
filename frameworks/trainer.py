"""The shared interface to programs: trainings with their own step, for any task."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, Self

import numpy as np
from sklearn.utils.validation import (
    check_array,
    check_consistent_length,
    check_is_fitted,
    validate_data,
)

from frameworks.adapter import Adapter
from frameworks.continuing import check_unchanged
from frameworks.program import ProgramBuilder
from frameworks.rows import refuse_masked
from frameworks.task import REGRESSION
from frameworks.training import LockstepTraining
from frameworks.validation import check_training, spec_of, unchanged_if_it_fails
from scratch import Batch

__all__ = ["LockstepTrainer"]


class LockstepTrainer(LockstepTraining):
    """Runs a program, such as the two networks of a GAN, on rows of numbers.

    With equal arguments and an integer `random_state` all implementations draw the same initial
    weights, the same batches and the same random numbers for every step.

    Parameters
    ----------
    build : a builder that returns a `Program`
    epochs, batch_size, dtype, random_state : as in `LockstepEstimator`

    Attributes
    ----------
    n_features_in_ : columns of X
    history_ : one dict per epoch: means over its rows of the values of the steps, and seconds
    initial_weights_, orders_sha256_, draws_sha256_, seconds_ : as in `LockstepEstimator`
    """

    def __init__(
        self,
        build: ProgramBuilder,
        epochs: int = 50,
        batch_size: int = 32,
        dtype: str = "float32",
        random_state: Any = None,
    ) -> None:
        self.build = build
        self.epochs = epochs
        self.batch_size = batch_size
        self.dtype = dtype
        self.random_state = random_state

    def fit(
        self, X: Any, y: Any = None, *, initial_weights: Sequence[np.ndarray] | None = None
    ) -> Self:
        """Run `epochs` epochs on X (n, d) and targets y (n,) or (n, k), from new weights.

        If `y` is None, the targets are the rows themselves. `initial_weights` as in
        `LockstepEstimator`. Raises ValueError for data that cannot be trained on, and leaves the
        trainer as it was.
        """
        list(self.iter_fit(X, y, initial_weights=initial_weights))
        return self

    def iter_fit(
        self, X: Any, y: Any = None, *, initial_weights: Sequence[np.ndarray] | None = None
    ) -> Iterator[dict[str, float]]:
        """Train like `fit`, and yield each epoch's record of `history_` when it is known."""
        with unchanged_if_it_fails(self):
            batch = self._prepare(X, y, first=True)
            self._start(initial_weights)
            yield from self._train(batch, self.epochs, None)

    def partial_fit(self, X: Any, y: Any = None) -> Self:
        """Run one more epoch on X, y.

        Data that cannot be trained on are refused first. If a step fails all the same, the steps
        before it stay taken.
        """
        first = not hasattr(self, "_adapter")
        with unchanged_if_it_fails(self):
            batch = self._prepare(X, y, first=first)
            if first:
                self._start(None)
            list(self._train(batch, 1, None))
        return self

    def outputs(self, X: Any) -> np.ndarray:
        """Return the first network's outputs (n, k) for its inputs X (n, d), in evaluation mode."""
        check_is_fitted(self)
        refuse_masked(X=X)
        return self._adapter.outputs(check_array(X, dtype=self._adapter.dtype, order="C"))

    def _prepare(self, X: Any, y: Any, *, first: bool) -> Batch:
        """Check the parameters and the data."""
        check_training(self)
        if not first:
            check_unchanged(self)
        refuse_masked(X=X, y=y)
        dtype = self.dtype if first else self._adapter.dtype
        X = validate_data(self, X, dtype=dtype, order="C", reset=first)
        if y is None:
            return Batch(X, X)
        y = check_array(y, ensure_2d=False, order="C")
        check_consistent_length(X, y)
        return Batch(X, y.astype(dtype) if y.dtype.kind == "f" else y)

    def _build_adapter(self) -> Adapter:
        spec = replace(spec_of(self.build), inputs=self.n_features_in_)
        spec = replace(spec, epochs=int(self.epochs), batch_size=int(self.batch_size))
        adapter = self._adapter_class(self.build, spec, self.dtype, REGRESSION)
        if adapter.program is None:
            got = type(adapter.parts).__name__
            raise TypeError(f"build must return a Program, got {got}")
        return adapter
