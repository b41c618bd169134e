"""What a second definition of a loss consists of, and what its targets are drawn from."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from scratch import Loss, Node


def logits(rng, shape):
    return rng.normal(scale=2, size=shape)


class LossCase(NamedTuple):
    """A loss, how its targets are drawn for k outputs, and the loss as an expression.

    The expression is given the outputs, the targets, and the row weights (n,), all 1 if there are
    none. A row's outputs are (*steps, k).
    """

    make: Callable[[], Loss]
    k: int
    targets: Callable[[np.random.Generator, tuple[int, ...]], np.ndarray]
    define: Callable[[Node, Any, np.ndarray], Node]
    steps: tuple[int, ...] = ()
    outputs: Callable[[np.random.Generator, tuple[int, ...]], np.ndarray] = logits


def numbers(rng, shape):
    return rng.normal(size=shape)


def bits(rng, shape):
    return rng.integers(2, size=shape).astype(float)


def classes(rng, shape):
    return rng.integers(shape[-1], size=shape[:-1])


def distributions(rng, shape):
    p = rng.uniform(0.1, 1, size=shape)
    return p / p.sum(-1, keepdims=True)
