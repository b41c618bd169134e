"""Sequences: numbers, two of which are to be remembered and added, and digits to be sorted."""

from itertools import product

import numpy as np

from datasets.dataset import Dataset, digest_arrays
from datasets.targets import Quantity, Sequences

__all__ = ["load_adding", "load_sorting"]

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


def load_sorting(digits: int = 6, tokens: int = 3) -> Dataset:
    """All sequences of six digits 0, 1 or 2, each followed by its digits in order.

    A row of ``X (n, 11)`` holds the six digits and the first five of the sorted ones: what a
    network has read when it is to name the next. ``y (n, 11)`` is the next token at each step, -1
    within the six given digits. Of the 729 sequences a quarter, 182 drawn with seed 0, are for
    testing.
    Source: Karpathy, minGPT, demo.ipynb, 2022.

    >>> data = load_sorting()
    >>> data.X_test[0].astype(int), data.y_test[0]
    (array([0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0]), array([-1, -1, -1, -1, -1,  0,  0,  0,  0,  0,  2]))
    """
    given = np.array(list(product(range(tokens), repeat=digits)))
    whole = np.hstack([given, np.sort(given, axis=1)])
    X, y = whole[:, :-1].astype(np.float64), whole[:, 1:].astype(np.int64)
    y[:, : digits - 1] = -1
    tested = np.zeros(len(X), bool)
    tested[np.random.default_rng(0).permutation(len(X))[: len(X) // 4]] = True
    names = [f"digit {i}" for i in range(1, digits + 1)]
    return Dataset(
        name="sorting",
        source="real",
        sha256=digest_arrays(X, y, tested),
        canonical=True,
        origin="computed from its definition",
        note=f"sorting: all {len(X)} sequences of {digits} digits",
        X_train=X[~tested],
        y_train=y[~tested],
        X_test=X[tested],
        y_test=y[tested],
        feature_names=(*names, *(f"sorted {name}" for name in names[:-1])),
        targets=Sequences(tuple(map(str, range(tokens))), answer=digits),
    )
