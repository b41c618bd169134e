"""Checks of numbers at public entry points, and the errors they raise."""

__all__ = ["require_fraction", "require_not_negative", "require_positive"]


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
