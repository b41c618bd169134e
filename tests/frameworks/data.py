"""Tables to train on, drawn anew at each call and the same each time."""

import numpy as np


def table(classes=2, n=21, d=3, dtype=float):
    """X (n, d), and labels y (n,) in 0..classes-1: class k has larger numbers in column k."""
    rng = np.random.default_rng(classes)
    y = np.arange(n) % classes
    X = rng.normal(size=(n, d))
    X[np.arange(n), y % d] += 3
    return X.astype(dtype), y
