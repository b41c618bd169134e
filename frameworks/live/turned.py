"""Which way round a kernel is used, found in the numbers that were computed with it."""

import numpy as np

__all__ = ["is_turned"]

_CLOSE = 1e-2  # of the largest number: products of two other matrices are further away


def is_turned(
    x: np.ndarray,
    W: np.ndarray,
    z: np.ndarray,
    likely: bool = False,
    bias: np.ndarray | float = 0.0,
) -> bool | None:
    """Return whether W stands (d_out, d_in) in z = f(x Wᵀ + b); None if z is no such product.

    f is the identity or increases, as a ReLU does. The rows of x are the first axis, or, as in W x,
    the last of two. A symmetric W tells nothing: `likely` decides.

    >>> x, W = np.eye(3)[:2], np.arange(6.0).reshape(3, 2)
    >>> is_turned(x, W, x @ W), is_turned(x, W.T, x @ W), is_turned(x, W, np.eye(2))
    (False, True, None)
    """
    for turned in (likely, not likely):
        kernel = W.T if turned else W
        if x.ndim > 1 and x.shape[-1] == len(kernel) and _follows(x @ kernel + bias, z):
            return turned
        if x.ndim == 2 and len(x) == len(kernel) and _follows(kernel.T @ x + bias, z):
            return turned
    return None


def _follows(u: np.ndarray, z: np.ndarray) -> bool:
    """Return whether z is u, or increases with it."""
    if u.shape != z.shape or not np.isfinite(z).all():
        return False
    rounding = _CLOSE * np.abs(z).max(initial=0)
    ordered = z.ravel()[np.argsort(u, axis=None)]
    return bool((np.abs(u - z) <= rounding).all() or (np.diff(ordered) >= -rounding / 100).all())
