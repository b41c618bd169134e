"""What a builder is given, and what it returns."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

__all__ = ["Builder", "InitialWeights", "Parts"]

InitialWeights = Callable[[Any, np.random.Generator], list[np.ndarray]]


class Parts(NamedTuple):
    """What a builder returns: a network, ready to be trained, in one framework's own objects."""

    network: Any  # scratch.Sequential | keras.Model | torch.nn.Module
    loss: Any
    optimizer: Any
    initial_weights: InitialWeights  # drawn once and handed to every implementation
    logits: bool = True  # False: the network ends in its own sigmoid, and returns probabilities


Builder = Callable[..., Parts]  # called as build(spec=Spec(...))
