"""Calls of NumPy as values, and what plain code does to arrays by other means, as functions."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

__all__ = [
    "Call",
    "Drawing",
    "add_at",
    "copy_into",
    "fill_with",
    "is_same",
    "put_into",
    "select_into",
    "take_rows",
]


class Call(NamedTuple):
    """function(*inputs, out=out, **options)."""

    function: Callable[..., Any]
    inputs: tuple[np.ndarray, ...]
    out: np.ndarray
    options: dict[str, Any]

    @property
    def arrays(self) -> tuple[np.ndarray, ...]:
        """All arrays that take part."""
        return (*self.inputs, self.out)


@dataclass(frozen=True)
class Drawing:
    """Fill `out` with numbers that a function of its shape draws."""

    function: Callable[[tuple[int, ...]], np.ndarray]

    def __call__(self, *, out: np.ndarray) -> None:
        """Draw."""
        out[...] = self.function(out.shape)


def copy_into(a: np.ndarray, *, out: np.ndarray) -> None:
    """Copy a into `out`, converting its type."""
    np.copyto(out, a, casting="unsafe")


def fill_with(*, out: np.ndarray, value: Any) -> None:
    """Fill `out` with one number."""
    out.fill(value)


def put_into(a: np.ndarray, *, out: np.ndarray, index: np.ndarray) -> None:
    """Copy a into the places of `out` that the index names."""
    out[index] = a


def take_rows(W: np.ndarray, indices: np.ndarray, *, out: np.ndarray) -> None:
    """Copy the rows of W (v, d) that the indices name; IndexError for one that is not there.

    In a stack W is (s, v, d), and each training has its own indices.
    """
    if W.ndim == 2:
        W.take(indices, 0, out)
        return
    for each in zip(W, indices, out, strict=True):
        take_rows(*each[:2], out=each[2])


def add_at(indices: np.ndarray, a: np.ndarray, *, out: np.ndarray) -> None:
    """Add each row of a to the row of `out` (v, d) that its index names, in a stack (s, v, d).

    The sums are those of `np.add.at` on rows, taken number by number, for which NumPy is faster.
    """
    if out.ndim == 2:
        places = indices.reshape(-1, 1) * out.shape[1] + np.arange(out.shape[1])
        np.add.at(out.reshape(-1), places.ravel(), a.reshape(-1))
        return
    for each in zip(indices, a, out, strict=True):
        add_at(*each[:2], out=each[2])


def select_into(a: np.ndarray, condition: np.ndarray, *, out: np.ndarray) -> None:
    """Copy a into `out` where the condition holds."""
    np.copyto(out, a, where=condition)


def is_same(a: np.ndarray, b: np.ndarray) -> bool:
    """Tell whether the two are the same numbers in memory."""
    return a.__array_interface__ == b.__array_interface__
