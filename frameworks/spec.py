"""The numbers of one training: those common to all networks, and those that a page adds."""

from dataclasses import dataclass, fields
from typing import Any

import numpy as np

__all__ = ["Shape", "Spec", "as_shape", "float32", "outputs_for"]

Shape = int | tuple[int, ...]  # of one row: a number of columns, or the sides of an array


def as_shape(sides: tuple[int, ...]) -> Shape:
    """Return the shape of a row with these sides.

    >>> as_shape(()), as_shape((3,)), as_shape((28, 28, 1))
    (1, 3, (28, 28, 1))
    """
    return sides if len(sides) > 1 else (sides or (1,))[0]


def outputs_for(classes: int, own: Shape) -> int:
    """Return the number of outputs for so many classes; `own` is what the builder's spec says.

    Two classes have one output, unless the builder uses two.

    >>> outputs_for(2, own=1), outputs_for(2, own=2), outputs_for(3, own=1)
    (1, 2, 3)
    """
    return 1 if classes == 2 and own != 2 else classes


def float32(x: float) -> float:
    """Return the float32 number nearest to x, as a Python float.

    >>> float32(0.9)
    0.8999999761581421
    """
    return float(np.float32(x))


@dataclass(frozen=True)
class Spec:
    """The numbers of one training; a page derives its own, with the numbers its network needs.

    Keras rounds Adam's betas and SGD's momentum to float32 even in a float64 model, which alone
    would cost seven digits. So every number, and every number of a tuple, is rounded to float32
    here, once, for all implementations; `rounded` holds those that this changed.

    >>> @dataclass(frozen=True)
    ... class Momentum(Spec):
    ...     momentum: float = 0.9
    >>> Momentum(epochs=3).momentum, Momentum().rounded
    (0.8999999761581421, {'momentum': 0.9})
    """

    inputs: Shape = 1  # of a row of X; the estimator sets inputs and outputs from the data
    outputs: Shape = 1  # 1 for two classes, k for k classes, the shape of a target otherwise
    epochs: int = 50
    batch_size: int = 32  # if at least the number of rows: full batch, rows kept in order
    shuffle: bool = True  # False: rows are kept in order in smaller batches, too

    def __post_init__(self) -> None:
        rounded = {}
        for field in fields(self):
            value = getattr(self, field.name)
            nearest = _nearest(value)
            if nearest != value:
                rounded[field.name] = value
                object.__setattr__(self, field.name, nearest)
        object.__setattr__(self, "_rounded", rounded)

    @property
    def rounded(self) -> dict[str, Any]:
        """The numbers, and tuples, that float32 cannot represent, by name, as they were given."""
        return dict(self.__dict__["_rounded"])


def _nearest(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(map(_nearest, value))
    return float32(value) if isinstance(value, float) else value
