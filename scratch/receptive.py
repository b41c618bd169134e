"""Convolutions and pools in sequence, computed where their outputs come from, and nowhere else.

What remains of an image when windows are laid on it is in none of them. Two convolutions of 3 x 3,
each followed by a pool of 2 x 2, drop one of 13 rows and one of 11: their outputs see 26 of 28
rows and as many columns, and of all that could be computed every seventh number has no influence.

Max-pooling comes before ReLU, which then has a quarter of the numbers: max(relu(z)) = relu(max(z)).
Either order passes nothing back where the maximum is not above zero, and elsewhere to one place.
"""

from collections.abc import Sequence
from itertools import groupby

import numpy as np

from scratch.layers.activations import ReLU
from scratch.layers.convolution import Conv2D, DepthwiseConv2D
from scratch.layers.layer import Layer
from scratch.layers.padding import inside, pad
from scratch.layers.pooling import AveragePool2D, MaxPool2D
from scratch.layers.windows import Pair

__all__ = ["ReceptiveField", "in_order"]


class ReceptiveField(Layer):
    """a = X without the last rows and columns, of which no output of the layers sees anything.

    Shapes: X (n, h, w, c), a (n, h', w', c). The layers, in sequence, lay windows on all of X.

    Gradient: dX is da, and zero in those rows and columns.

    >>> field = ReceptiveField([MaxPool2D(2)])
    >>> field.forward(np.arange(6.0).reshape(1, 2, 3, 1))[0, :, :, 0]
    array([[0., 1.],
           [3., 4.]])
    >>> field.backward(np.ones((1, 2, 2, 1)))[0, :, :, 0]
    array([[1., 1., 0.],
           [1., 1., 0.]])
    """

    def __init__(self, layers: Sequence[Layer]) -> None:
        super().__init__()
        self.windows = [layer.windows for layer in layers if hasattr(layer, "windows")]

    def forward(self, X: np.ndarray, training: bool = False) -> np.ndarray:
        """Return the part of X that matters."""
        self.image = X.shape[1:3]
        self.seen = self._seen(self.image)
        return X[inside(self.seen, ((0, 0), (0, 0)))]

    def backward(self, da: np.ndarray) -> np.ndarray:
        """Return da with zeros below and on the right."""
        (h, w), (seen_h, seen_w) = self.image, self.seen
        return pad(da, ((0, h - seen_h), (0, w - seen_w)))

    def _seen(self, image: Pair) -> Pair:
        """Return (h', w'); all of an image that is too small, which the layers refuse."""
        seen = image
        for windows in self.windows:
            seen = windows.positions(seen)
        if min(seen) < 1:
            return image
        for windows in reversed(self.windows):
            seen = windows.reach(seen)
        return seen


def in_order(layers: Sequence[Layer]) -> list[Layer]:
    """Return layers that compute the same, in the order in which they take the least work.

    >>> in_order([Conv2D(1, 1, 3), ReLU(), MaxPool2D()])
    [ReceptiveField, Conv2D (3, 3, 1, 1) (1,), MaxPool2D, ReLU]
    """
    ordered: list[Layer] = []
    for on_images, group in groupby(layers, key=_sees_windows):
        run = list(group)
        if on_images and any(hasattr(layer, "windows") for layer in run):
            ordered.append(ReceptiveField(run))
        ordered += _maxima_first(run)
    return ordered


def _sees_windows(layer: Layer) -> bool:
    """Tell whether each output of a layer sees one number, or a window that lies inside X.

    Only where its code is known: a class of one's own may see more.
    """
    kind = type(layer)
    if kind in (Conv2D, DepthwiseConv2D, MaxPool2D, AveragePool2D):
        return layer.windows.is_inside  # type: ignore[attr-defined]
    return kind is ReLU


def _maxima_first(layers: Sequence[Layer]) -> list[Layer]:
    """Return the layers, each ReLU behind a maximum that follows it."""
    ordered: list[Layer] = []
    for layer in layers:
        follows = type(layer) is MaxPool2D and ordered and type(ordered[-1]) is ReLU
        ordered.insert(len(ordered) - bool(follows), layer)
    return ordered
