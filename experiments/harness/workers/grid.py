"""The points at which a network with two inputs is asked for its outputs, to draw its boundary."""

import numpy as np

__all__ = ["plane_axes", "plane_points"]

_STEPS = 81  # along each axis; its pixels are no larger than a plotted point


def plane_axes(X: np.ndarray) -> np.ndarray:
    """Return the coordinates (2, 81) of a grid over X (n, 2), with a tenth to spare all round."""
    low, high = X.min(axis=0), X.max(axis=0)
    margin = (high - low) / 10
    return np.linspace(low - margin, high + margin, _STEPS).T.copy()


def plane_points(axes: np.ndarray) -> np.ndarray:
    """Return the grid's points (81 · 81, 2): the second coordinate is the outer loop.

    >>> plane_points(np.array([[0.0, 1.0], [5.0, 6.0]])).tolist()
    [[0.0, 5.0], [1.0, 5.0], [0.0, 6.0], [1.0, 6.0]]
    """
    x, y = np.meshgrid(*axes)
    return np.column_stack([x.ravel(), y.ravel()])
