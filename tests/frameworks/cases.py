"""The implementations, a small network for them, and tables to train it on."""

import numpy as np

NAMES = ["ScratchClassifier", "KerasClassifier", "PyTorchClassifier"]
SMALL = {"hidden": (4,), "epochs": 3, "batch_size": 8, "learning_rate": 0.01, "random_state": 0}


def table(classes=2, n=21, d=3, dtype=float):
    """X (n, d), and labels y (n,) in 0..classes-1: class k has larger numbers in column k."""
    rng = np.random.default_rng(classes)
    y = np.arange(n) % classes
    X = rng.normal(size=(n, d))
    X[np.arange(n), y % d] += 3
    return X.astype(dtype), y
