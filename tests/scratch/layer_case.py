"""What a second definition of a layer consists of, and what its inputs are drawn from."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from scratch import Layer, Node


def numbers(rng, shape):
    return rng.normal(size=shape)


def ties(rng, shape):
    return rng.integers(-1, 2, size=shape).astype(float)


class LayerCase(NamedTuple):
    """A layer, the shape of its input, and the layer as an expression in x and its parameters."""

    make: Callable[[], Layer]
    shape: tuple[int, ...]
    define: Callable[..., Node]
    draw: Callable[[np.random.Generator, tuple[int, ...]], np.ndarray] = numbers
    training: bool = False
    without_effect: tuple[int, ...] = ()  # parameters whose true gradient is 0
