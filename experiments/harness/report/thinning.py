"""Fewer points for drawing a long curve, without losing a peak."""

import numpy as np

__all__ = ["MOST_POINTS", "peaks", "thin"]

MOST_POINTS = 300  # more are not told apart at the width of a page


def thin(values: np.ndarray, most: int = MOST_POINTS) -> tuple[np.ndarray, int]:
    """Return the positions (k,) to draw of a curve (n,), and how many points stand for one stretch.

    Of every stretch the smallest and the largest value are kept, and the first and the last point;
    a curve of at most `most` points is kept whole.

    >>> thin(np.array([0.0, 5, 1, 1, -3, 1, 1, 1]), most=4)[0].tolist()
    [0, 1, 4, 5, 7]
    """
    n = len(values)
    if n <= most:
        return np.arange(n), 1
    stretch = -(-2 * n // most)
    kept = {0, n - 1}
    for start in range(0, n, stretch):
        piece = np.nan_to_num(values[start : start + stretch])
        kept |= {start + int(piece.argmin()), start + int(piece.argmax())}
    return np.array(sorted(kept)), stretch


def peaks(values: np.ndarray, most: int = MOST_POINTS) -> tuple[np.ndarray, int]:
    """Return as `thin` does, but of every stretch the largest value only.

    >>> peaks(np.array([0.0, 5, 1, 1, -3, 1]), most=3)[0].tolist()
    [1, 2, 5]
    """
    stretch = max(1, -(-len(values) // most))
    starts = range(0, len(values), stretch)
    filled = np.nan_to_num(values, nan=np.inf)
    return np.array([s + int(filled[s : s + stretch].argmax()) for s in starts], int), stretch
