"""Sequences as images: the steps are rows, and the width is one."""

from typing import Literal

import numpy as np

from scratch.checks import require_positive
from scratch.layers.layer import Layer
from scratch.layers.windows import Borders, Pair, Windows, borders

__all__ = ["OfSequences", "StepPadding", "around_steps", "of_steps", "on_steps"]

StepPadding = Literal["valid", "same", "causal"] | int | Pair


class OfSequences(Layer):
    """Makes a layer of images (n, h, w, c) one of sequences (n, t, c): images (n, t, 1, c).

    It stands before the layer of images: `class ZeroPadding1D(OfSequences, ZeroPadding2D)`.
    """

    def forward(self, X: np.ndarray, training: bool = False) -> np.ndarray:
        """Return the layer's output (n, t', c') for X (n, t, c)."""
        return super().forward(X[:, :, np.newaxis], training)[:, :, 0]

    def backward(self, da: np.ndarray) -> np.ndarray:
        """Set the gradients, if there are any; return dX (n, t, c) for da (n, t', c')."""
        return super().backward(da[:, :, np.newaxis])[:, :, 0]


def on_steps(
    size: Pair,
    stride: int,
    padding: StepPadding,
    dilation: int,
    *,
    causal: bool = False,
    ceil_mode: bool = False,
) -> Windows:
    """Return the windows that a layer of sequences is asked for; ValueError names what is wrong.

    >>> on_steps((3, 1), 1, "causal", 2, causal=True).borders((9, 1))
    ((4, 0), (0, 0))
    """
    around = padding if isinstance(padding, str) else around_steps("padding", padding)
    if isinstance(around, str) and around not in ("valid", "same", *["causal"] * causal):
        names = "'valid', 'same' or 'causal'" if causal else "'valid' or 'same'"
        raise ValueError(f"padding must be {names}, got {padding!r}")
    steps = of_steps("stride", stride), of_steps("dilation", dilation)
    return Windows(size, *steps, around, ceil_mode)


def of_steps(name: str, value: int) -> Pair:
    """Return (steps, 1), a height and a width; ValueError unless there is at least one step.

    >>> of_steps("kernel", 3)
    (3, 1)
    """
    require_positive(name, value)
    return value, 1


def around_steps(name: str, value: int | Pair) -> Borders:
    """Return the border of an image for one number of steps on both sides, or (before, after).

    >>> around_steps("padding", 1), around_steps("padding", (2, 0))
    (((1, 1), (0, 0)), ((2, 0), (0, 0)))
    """
    before, after = (value, value) if isinstance(value, int) else value
    if min(before, after) < 0:
        raise ValueError(f"{name} must be at least 0, got {value}")
    return borders(name, ((before, after), (0, 0)))
