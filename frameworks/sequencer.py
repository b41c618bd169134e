"""The shared interface for sequences: networks that name the next token, decoded greedily."""

from typing import Any, Self

import numpy as np
from sklearn.utils.validation import check_array, check_is_fitted

from frameworks import weight_checks
from frameworks.estimator import LockstepEstimator
from frameworks.spec import Shape
from frameworks.task import SEQUENCES
from frameworks.validation import builders_spec
from frameworks.weight_files import StoredNetwork, WeightFileError

__all__ = ["LockstepSequencer"]


class LockstepSequencer(LockstepEstimator):
    """Answers a sequence of tokens with another; parameters as in `LockstepEstimator`.

    `build` is required. A row of X (n, t) is a question and all but the last token of its answer,
    as numbers 0, 1, ...; y (n, t) is the token that follows at each step, -1 where it belongs to
    the question. Its network returns a logit for every token at every step, (n, t, k), and looks at
    no later steps: `spec.outputs` is (t, k).
    """

    task = SEQUENCES

    def partial_fit(self, X: Any, y: Any) -> Self:
        """Train one more epoch on X and y (n, t); return self."""
        return self._partial_fit(X, y, None)

    def predict(self, X: Any) -> np.ndarray:
        """Return the answers (n, a), int64, to the questions at the start of the rows X (n, t).

        Each token is the likeliest, the first of equally likely ones, after the question and the
        tokens decoded before it; what else is in a row is not looked at.
        """
        check_is_fitted(self)
        rows = self._check_X(X).copy()
        (length,), steps = self._target_shape, rows.shape[1]
        asked = steps - length + 1
        rows[:, asked:] = 0
        answers = np.empty((len(rows), length), np.int64)
        for i in range(length):
            answers[:, i] = self._outputs(rows)[:, asked - 1 + i].argmax(axis=1)
            rows[:, asked + i : asked + i + 1] = answers[:, i : i + 1]
        return answers

    def score(self, X: Any, y: Any) -> float:
        """Return the fraction of the answers to X that are those in y (n, t), in every token."""
        check_is_fitted(self)
        X, y = self._check_rows(X, y, self._adapter.dtype)[:2]
        right = self.predict(X) == y[:, -self._target_shape[0] :]
        return float(right.all(axis=1).mean())

    def _prepare(self, X: Any, y: Any, *others: Any, first: bool) -> Any:
        if self.build is None:
            raise ValueError("build must be a builder, as sequences have no default network")
        return super()._prepare(X, y, *others, first=first)

    def _validate(self, X: Any, y: Any, dtype: str, first: bool) -> tuple[np.ndarray, np.ndarray]:
        given = check_array(y, dtype="numeric", input_name="y")
        with np.errstate(invalid="ignore"):
            targets = given.astype(np.int64)
        if (wrong := targets != given).any():
            raise ValueError(f"y: expected tokens, whole numbers, got {given[wrong][0]}")
        X, _ = super()._validate(X, np.arange(len(targets)), dtype, first)
        if targets.shape != X.shape:
            raise ValueError(f"y: expected a token for each of X, {X.shape}, got {targets.shape}")
        return X, targets

    def _learn_targets(self, y: np.ndarray, classes: Any) -> None:
        answered = (y != -1).any(axis=0)
        if not answered.any():
            raise ValueError("y: expected tokens to learn, got -1 everywhere")
        self._target_shape = (y.shape[1] - int(answered.argmax()),)

    def _take_targets(self, network: StoredNetwork) -> None:
        if network.targets is None or len(network.targets) != 1:
            raise WeightFileError("holds no network of sequences")
        self._target_shape = network.targets

    def _encode(self, y: np.ndarray, dtype: str) -> np.ndarray:
        _, tokens = self._outputs_of(builders_spec(self).outputs)
        if y.min() < -1 or y.max() >= tokens:
            raise ValueError(f"y: expected -1 to {tokens - 1}, got {y.min()} to {y.max()}")
        return y

    def _outputs_of(self, spec_outputs: Shape) -> tuple[int, ...]:
        return self.task.outputs_of_row(spec_outputs, self._row_shape)

    def _rows_to_try(self) -> list[np.ndarray]:
        """Return rows of tokens, which a network of sequences takes, and no other numbers."""
        _, count = self._outputs_of(builders_spec(self).outputs)
        return [weight_checks.tokens(self._row_shape, self._adapter.dtype, count)]
