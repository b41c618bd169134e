"""The data sets that are exact by definition: two truth tables, and a circle on a grid."""

import numpy as np

from datasets.dataset import Dataset, digest_arrays
from datasets.targets import Classes


def load_truth_table() -> Dataset:
    """The first of three bits: four situations to learn from, and a new one.

    ``X_train (4, 3)`` holds the four training rows. ``X_test (5, 3)`` holds the same four and then
    the new situation [1, 0, 0], whose answer is 1 because the answer is always the first bit.

    >>> load_truth_table().y_test
    array([0, 1, 1, 0, 1])
    """
    X = np.array([[0, 0, 1], [1, 1, 1], [1, 0, 1], [0, 1, 1], [1, 0, 0]], dtype=np.float64)
    y = X[:, 0].astype(np.int64)
    return _exact(
        "truth-table",
        (X[:4].copy(), y[:4].copy(), X, y),
        feature_names=("first", "second", "third"),
        class_names=("0", "1"),
    )


def load_xor() -> Dataset:
    """The exclusive or of the first two bits; the third is always 1, instead of a bias.

    ``X_train (4, 3)`` holds all four rows there are, and ``X_test`` the same.

    >>> load_xor().y_test
    array([0, 1, 1, 0])
    """
    X = np.array([[0, 0, 1], [0, 1, 1], [1, 0, 1], [1, 1, 1]], dtype=np.float64)
    y = (X[:, 0] != X[:, 1]).astype(np.int64)
    return _exact(
        "xor",
        (X, y, X.copy(), y.copy()),
        feature_names=("first", "second", "one"),
        class_names=("0", "1"),
    )


def load_circle() -> Dataset:
    """121 points on an 11 x 11 grid; class 1 where x² + y² < 1, which holds for 21 of them.

    ``X (121, 2)``: the columns are x and y; y is the outer loop and x the inner one. A coordinate
    is i / 2.5 for i = -5 ... 5: one correctly rounded division, so the grid is symmetric to the
    last bit, which -2 + 0.4 i is not. The test set is the grid itself: the experiment asks whether
    a network can draw the circle, not whether it generalises.

    >>> load_circle().X_train[:2].tolist(), load_circle().y_train.sum().item()
    ([[-2.0, -2.0], [-1.6, -2.0]], 21)
    """
    steps = np.arange(-5, 6) / 2.5
    y, x = (axis.ravel() for axis in np.meshgrid(steps, steps, indexing="ij"))
    X = np.column_stack([x, y])
    inside = (x * x + y * y < 1).astype(np.int64)
    return _exact(
        "circle",
        (X, inside, X.copy(), inside.copy()),
        feature_names=("x", "y"),
        class_names=("outside", "inside"),
    )


def _exact(
    name: str,
    parts: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray],
    feature_names: tuple[str, ...],
    class_names: tuple[str, ...],
) -> Dataset:
    """Wrap (X_train, y_train, X_test, y_test) that were computed from their definition."""
    X_train, y_train, X_test, y_test = parts
    return Dataset(
        name=name,
        source="real",
        sha256=digest_arrays(*parts),
        canonical=True,
        origin="computed from its definition",
        note=f"{name}: computed from its definition",
        X_train=X_train,
        y_train=y_train,
        X_test=X_test,
        y_test=y_test,
        feature_names=feature_names,
        targets=Classes(class_names),
    )
