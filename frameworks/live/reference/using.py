"""One call of a layer, as the reference is given it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from frameworks.recordings.trace import Arrays
from scratch import Layer

__all__ = ["Call", "using"]

L = TypeVar("L", bound=Layer)


@dataclass(frozen=True)
class Call:
    """The facts' values, the canonical arrays, and the mode."""

    values: Mapping[str, Any]
    weights: list[np.ndarray]
    states: list[np.ndarray]
    inputs: Arrays
    training: bool = False
    steps: np.ndarray | None = None  # (n, t), True where a step of a sequence is real

    @property
    def X(self) -> np.ndarray:
        """The first input."""
        return self.inputs[0]


def using(layer: L, weights: Sequence[np.ndarray]) -> L:
    """Return a layer that uses these weights; ValueError unless they have its shapes."""
    shapes = [p.shape for p in layer.params], [w.shape for w in weights]
    if shapes[0] != shapes[1]:
        raise ValueError(f"weights must have the shapes {shapes[0]}, got {shapes[1]}")
    layer.attach(weights, [np.zeros_like(w) for w in weights])
    return layer
