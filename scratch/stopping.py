"""Early stopping: train until a value stops falling, then restore the best parameters.

    stopping, arrays = KerasEarlyStopping(patience=5), [network.theta, *network.state.values()]
    for _ in iter_epochs(network, ...):
        if stopping.stop(evaluate(network, loss, validation).loss, *arrays):
            break
    stopping.restore(*arrays)

The given arrays are kept and restored: the parameters θ, and layer states, such as the statistics
of a batch normalization. The value should fall; for an accuracy pass 1 − accuracy. The two rules
differ in what counts as better, when the patience ends, and how NaN is treated.
"""

import math

import numpy as np

from scratch.checks import require_not_negative

__all__ = ["KerasEarlyStopping", "SklearnEarlyStopping"]


class _EarlyStopping:
    """The best value so far, its arrays, and the number of epochs since without improvement."""

    def __init__(self, patience: int, least: float) -> None:
        self.patience, self.least = patience, least
        self.best, self.waited = math.inf, 0
        self.best_arrays: list[np.ndarray] | None = None

    def restore(self, *arrays: np.ndarray) -> None:
        """Copy the best arrays into the given ones; do nothing if there are none."""
        if self.best_arrays is not None:
            for array, best in zip(arrays, self.best_arrays, strict=True):
                array[...] = best

    def _keep(self, value: float, arrays: tuple[np.ndarray, ...]) -> None:
        self.best, self.best_arrays = value, [array.copy() for array in arrays]


class KerasEarlyStopping(_EarlyStopping):
    """Stop after `patience` epochs in a row that did not improve on the best by `min_delta`.

    An epoch is better if value + min_delta < best, strictly, and then it is the best. The first
    epoch always is: if its value is NaN, none after it is better. The rule of
    `keras.callbacks.EarlyStopping(restore_best_weights=True)`; a patience of 0 is one of 1.

    >>> stopping, theta = KerasEarlyStopping(patience=2), np.zeros(1)
    >>> [stopping.stop(value, theta + i) for i, value in enumerate([3.0, 2.0, 2.0, 2.5])]
    [False, False, False, True]
    >>> stopping.restore(theta)
    >>> theta
    array([1.])
    """

    def __init__(self, patience: int = 0, min_delta: float = 0.0) -> None:
        require_not_negative("patience", patience)
        require_not_negative("min_delta", min_delta)
        super().__init__(patience, min_delta)

    def stop(self, value: float, *arrays: np.ndarray) -> bool:
        """Take note of an epoch's value and parameters; return whether to stop."""
        if self.best_arrays is None or value + self.least < self.best:
            self._keep(value, arrays)
            self.waited = 0
            return False
        self.waited += 1
        return self.waited >= self.patience


class SklearnEarlyStopping(_EarlyStopping):
    """Stop after more than `patience` epochs in a row that improved by less than `tol`.

    An epoch improves by less than tol if value > best − tol. Any value below the best is still the
    new best, so a slow descent stops. A NaN is never the best, and resets the count.
    The rule of scikit-learn's MLP, where the patience is `n_iter_no_change`.

    >>> stopping, theta = SklearnEarlyStopping(patience=1, tol=0.5), np.zeros(1)
    >>> [stopping.stop(value, theta + i) for i, value in enumerate([3.0, 2.75, 2.5])]
    [False, False, True]
    >>> stopping.restore(theta)
    >>> theta
    array([2.])
    """

    def __init__(self, patience: int = 10, tol: float = 1e-4) -> None:
        require_not_negative("patience", patience)
        require_not_negative("tol", tol)
        super().__init__(patience, tol)

    def stop(self, value: float, *arrays: np.ndarray) -> bool:
        """Take note of an epoch's value and parameters; return whether to stop."""
        self.waited = self.waited + 1 if value > self.best - self.least else 0
        if value < self.best:
            self._keep(value, arrays)
        return self.waited > self.patience
