"""How a tensor of PyTorch reads in the canonical layout: images channels-last, rows first.

PyTorch keeps images as (n, c, h, w), recurrent modules may keep sequences as (t, n, d), and what is
flattened, or about to become an image, has its features in the order (c, h, w). Every tensor of a
forward pass has an orientation, which follows from the calls that make and take it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import numpy as np

__all__ = [
    *("AS_IT_IS", "CHANNELS_FIRST", "TIME_FIRST", "Orientation", "channels_last_features"),
    "of_features",
]


@dataclass(frozen=True, eq=False)
class Orientation:
    """The axes of a tensor in canonical order, and the canonical order of its features."""

    axes: tuple[int, ...] = ()  # () keeps them
    features: np.ndarray | None = None  # positions (d,) along the last axis; None keeps them
    turned: bool = False  # whether axes of images were exchanged before they became features

    @property
    def plain(self) -> bool:
        """Whether the tensor is canonical as it is."""
        return not self.axes and self.features is None

    def to_canonical(self, values: np.ndarray) -> np.ndarray:
        """Return the canonical array of a tensor's values.

        >>> Orientation(axes=(0, 2, 3, 1)).to_canonical(np.zeros((5, 3, 8, 9))).shape
        (5, 8, 9, 3)
        """
        if len(self.axes) == values.ndim:
            values = values.transpose(self.axes)
        if self.features is not None:
            values = values[..., self.features]
        return np.ascontiguousarray(values)

    def from_canonical(self, values: np.ndarray) -> np.ndarray:
        """Return the tensor's values of a canonical array."""
        if self.features is not None:
            values = values[..., np.argsort(self.features)]
        if len(self.axes) == values.ndim:
            values = values.transpose(np.argsort(self.axes))
        return np.ascontiguousarray(values)

    def permuted(self, order: Sequence[int]) -> "Orientation":
        """Return that of the tensor with its axes in another order: known, if it is sorted, too."""
        axes = self.axes or tuple(range(len(order)))
        return Orientation(tuple([*order].index(axis) for axis in axes))

    def flattened(self, shape: Sequence[int]) -> "Orientation":
        """Return that of a tensor of this shape whose rows are flattened."""
        if len(self.axes) != len(shape) or self.axes[0] != 0:
            return AS_IT_IS
        positions = np.arange(prod(shape[1:])).reshape(1, *shape[1:])
        turned = self.axes != CHANNELS_FIRST[len(shape)].axes
        return of_features(positions.transpose(self.axes).ravel(), turned)


AS_IT_IS = Orientation()


# Of images, and of the windows that they are split into.
CHANNELS_FIRST = {ndim: Orientation((0, *range(2, ndim), 1)) for ndim in range(3, 9)}
TIME_FIRST = {ndim: Orientation((1, 0, *range(2, ndim))) for ndim in (2, 3)}


def of_features(positions: np.ndarray, turned: bool = False) -> Orientation:
    """Return the orientation of features at these positions."""
    sorted_already = np.array_equal(positions, np.arange(len(positions)))
    return AS_IT_IS if sorted_already else Orientation(features=positions, turned=turned)


def channels_last_features(shape: Sequence[int]) -> Orientation:
    """Return that of rows (d,) that will be viewed as images of this shape, (c, h, w)."""
    positions = np.arange(prod(shape)).reshape(shape)
    return of_features(np.moveaxis(positions, 0, -1).ravel())
