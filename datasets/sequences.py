"""The adding problem: sequences in which two numbers, far apart, are to be remembered and added."""

import numpy as np

from datasets.dataset import Dataset, digest_arrays
from datasets.targets import Quantity

__all__ = ["load_adding"]

_ROWS, _TEST_ROWS = 5_000, 1_000


def load_adding(steps: int = 30) -> Dataset:
    """Sequences of numbers, two of them marked; the target is the sum of the marked two.

    ``X_train (5000, 2 steps)`` and ``X_test (1000, 2 steps)`` hold v₁, m₁, v₂, m₂, ...: a number
    v ~ U[0, 1) and its marker m, which is 1 once in the first half of the steps, once in the second
    half, and else 0. ``y`` is the sum itself, from 0 to 2. Always answering 1 has a mean squared
    error of 1/6, the variance of the sum of two such numbers. All are drawn with seed 0.
    Source: Hochreiter and Schmidhuber, "Long short-term memory", Neural Computation 9, 1997,
    experiment 4, here with numbers from 0 to 1 and sequences of one length.

    >>> data = load_adding(steps=4)
    >>> data.X_train[0].reshape(4, 2).round(3)
    array([[0.637, 0.   ],
           [0.27 , 1.   ],
           [0.041, 0.   ],
           [0.017, 1.   ]])
    >>> data.y_train[0].round(3).item()
    0.286
    """
    rng = np.random.default_rng(0)
    parts = [*_draw(rng, _ROWS, steps), *_draw(rng, _TEST_ROWS, steps)]
    X_train, y_train, X_test, y_test = parts
    names = [f"{what} {t}" for t in range(1, steps + 1) for what in ("number", "marker")]
    return Dataset(
        name="adding",
        source="real",
        sha256=digest_arrays(*parts),
        canonical=True,
        origin="drawn by its definition",
        note=f"adding: sequences of {steps} steps, drawn by their definition",
        X_train=X_train,
        y_train=y_train,
        X_test=X_test,
        y_test=y_test,
        feature_names=tuple(names),
        targets=Quantity("sum of the marked numbers", "", mean=0.0, scale=1.0),
    )


def _draw(rng: np.random.Generator, rows: int, steps: int) -> tuple[np.ndarray, np.ndarray]:
    """Return X (rows, 2 steps) and the sums (rows,)."""
    numbers, half = rng.random((rows, steps)), steps // 2
    markers = np.zeros((rows, steps))
    markers[np.arange(rows), rng.integers(0, half, rows)] = 1
    markers[np.arange(rows), rng.integers(half, steps, rows)] = 1
    X = np.stack([numbers, markers], axis=2).reshape(rows, 2 * steps)
    return X, (numbers * markers).sum(axis=1)
