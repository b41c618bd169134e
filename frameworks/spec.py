"""What a builder is given, and what it returns."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, NamedTuple

import numpy as np

__all__ = ["Builder", "InitialWeights", "Parts", "Spec", "float32"]


def float32(x: float) -> float:
    """Return the float32 number nearest to x, as a Python float.

    >>> float32(0.9)
    0.8999999761581421
    """
    return float(np.float32(x))


@dataclass(frozen=True)
class Spec:
    """The numbers of one training.

    Each is one that float32 holds exactly: Keras rounds Adam's betas and SGD's momentum through
    float32 even in a float64 model, and that alone would cost seven digits. `float32` rounds a
    number once, for all implementations; a number that is not rounded is a ValueError.
    """

    inputs: int = 1  # columns of X; the classifier sets it, and outputs, from the data
    outputs: int = 1  # 1 for two classes, k for k > 2 classes
    hidden: tuple[int, ...] = ()  # widths of the hidden layers
    epochs: int = 50
    batch_size: int = 32  # at least the number of rows: full batch, rows kept in order
    shuffle: bool = True  # False: rows kept in order also in smaller batches
    learning_rate: float = float32(1e-3)
    halve_every: int = 0  # steps after which the learning rate is halved, again and again
    beta_1: float = float32(0.9)  # Adam's decay of the mean of g
    beta_2: float = float32(0.999)  # Adam's decay of the mean of g²
    epsilon_hat: float = float32(1e-7)  # Adam's ε̂, added to √v before the bias correction

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, float) and value != float32(value):
                raise ValueError(
                    f"{field.name}: float32 does not hold {value}; use float32({value})"
                )


InitialWeights = Callable[[Spec, np.random.Generator], list[np.ndarray]]


class Parts(NamedTuple):
    """What a builder returns: a network, ready to be trained, in one framework's own objects."""

    network: Any  # scratch.Sequential | keras.Model | torch.nn.Module
    loss: Any
    optimizer: Any
    initial_weights: InitialWeights  # drawn once and handed to every implementation
    logits: bool = True  # False: the network ends in its own sigmoid, and returns probabilities


Builder = Callable[..., Parts]  # called as build(spec=Spec(...))
