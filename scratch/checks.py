"""Checks of numbers at public entry points, and the errors they raise."""

from typing import Any

import numpy as np

__all__ = [
    *("require_fraction", "require_not_negative", "require_positive", "require_row_weights"),
]


def require_positive(name: str, value: float) -> None:
    """Raise ValueError unless value > 0.

    >>> require_positive("size", 0)
    Traceback (most recent call last):
    ValueError: size must be above 0, got 0
    """
    if not value > 0:
        raise ValueError(f"{name} must be above 0, got {value}")


def require_not_negative(name: str, value: float) -> None:
    """Raise ValueError unless value ≥ 0.

    >>> require_not_negative("epsilon", float("nan"))
    Traceback (most recent call last):
    ValueError: epsilon must be at least 0, got nan
    """
    if not value >= 0:
        raise ValueError(f"{name} must be at least 0, got {value}")


def require_fraction(name: str, value: float) -> None:
    """Raise ValueError unless 0 ≤ value < 1.

    >>> require_fraction("momentum", 1)
    Traceback (most recent call last):
    ValueError: momentum must be at least 0 and below 1, got 1
    """
    if not 0 <= value < 1:
        raise ValueError(f"{name} must be at least 0 and below 1, got {value}")


def require_row_weights(w: Any, *shapes: tuple[int, ...]) -> None:
    """Raise ValueError unless w is an array of one of these shapes, the first of which is (n,).

    >>> require_row_weights(np.ones((3, 1)), (3,))
    Traceback (most recent call last):
    ValueError: w must be an array of shape (3,), a weight for each row, got shape (3, 1)
    """
    if not isinstance(w, np.ndarray) or w.shape not in shapes:
        got = f"shape {w.shape}" if isinstance(w, np.ndarray) else repr(w)
        raise ValueError(
            f"w must be an array of shape {shapes[0]}, a weight for each row, got {got}"
        )
