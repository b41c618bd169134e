"""Branches: several layers that read the same input, and what becomes of their outputs.

With `Sequential`, which composes layers one after the other, they make every network that forks
and joins again: an Inception block, a U-Net, a residual block whose skip connection has weights.
"""

import numpy as np

from scratch.layers.layer import Layer
from scratch.network import Sequential

__all__ = ["Add", "Branches", "Concatenate", "Identity"]


class Identity(Layer):
    """a = X: a branch that only passes on.

    >>> Identity().forward(np.array([[3.0]]))
    array([[3.]])
    """

    def forward(self, X: np.ndarray, training: bool = False) -> np.ndarray:
        """Return X."""
        return X

    def backward(self, da: np.ndarray) -> np.ndarray:
        """Return da."""
        return da


class Branches(Sequential):
    """Layers side by side: all read X, and `join` makes one output of theirs.

    `theta` and `grad` hold the branches' parameters one after the other, as in a `Sequential`.

    Gradient: `split` cuts da into one part for each branch; dX is the sum of what they pass back.
    """

    def join(self, outputs: list[np.ndarray]) -> np.ndarray:
        """Return the output, made of those of the branches."""
        raise NotImplementedError

    def split(self, da: np.ndarray) -> list[np.ndarray]:
        """Return dL/d(output of each branch)."""
        raise NotImplementedError

    def forward(self, X: np.ndarray, training: bool = False) -> np.ndarray:
        """Return the branches' outputs for X, joined."""
        if X.dtype.kind != "f":
            X = X.astype(self.flat.dtype)
        return self.join([branch.forward(X, training) for branch in self.layers])

    def backward(self, da: np.ndarray) -> np.ndarray:
        """Set the gradients; return dX."""
        parts = zip(self.layers, self.split(da), strict=True)
        first, *others = [branch.backward(part) for branch, part in parts]
        self._add_twins()
        return sum(others, first)

    def backward_params(self, da: np.ndarray) -> None:
        """Set only the gradients."""
        for branch, part in zip(self.layers, self.split(da), strict=True):
            branch.backward_params(part)
        self._add_twins()


class Concatenate(Branches):
    """a = [f₁(X), f₂(X), ...], side by side along the last axis: the channels, or the features.

    Shapes: f_j(X) (..., d_j), alike but for d_j; a (..., Σ d_j).
    Gradient: each branch gets its part of da; dX is the sum of what they pass back.
    Source: Szegedy et al., "Going deeper with convolutions", CVPR 2015, section 4; of X itself and
    one branch, Huang, Liu, van der Maaten and Weinberger, "Densely connected convolutional
    networks", CVPR 2017, equation 2.

    >>> from scratch import Dense
    >>> layer = Concatenate(Identity(), Dense(1, 2))
    >>> layer.theta = [10.0, 100.0, 0.0, 1.0]
    >>> layer.forward(np.array([[3.0]]))
    array([[  3.,  30., 301.]])
    >>> layer.backward(np.array([[1.0, 1.0, 1.0]]))
    array([[111.]])
    """

    def join(self, outputs: list[np.ndarray]) -> np.ndarray:
        """Return the outputs side by side; ValueError if they differ elsewhere."""
        *shape, _ = outputs[0].shape
        if any(list(a.shape[:-1]) != shape for a in outputs):
            shapes = ", ".join(str(a.shape) for a in outputs)
            raise ValueError(f"the branches' outputs must differ in the last axis only: {shapes}")
        self.ends = np.cumsum([a.shape[-1] for a in outputs]).tolist()
        joined = np.empty_like(outputs[0], shape=(*shape, self.ends[-1]))
        for part, a in zip(self.split(joined), outputs, strict=True):
            part[...] = a
        return joined

    def split(self, da: np.ndarray) -> list[np.ndarray]:
        """Return each branch's columns of da, as views."""
        starts = [0, *self.ends[:-1]]
        return [da[..., start:end] for start, end in zip(starts, self.ends, strict=True)]


class Add(Branches):
    """a = f₁(X) + f₂(X) + ...; every branch gets da, and dX is the sum of what they pass back.

    Shapes: those of the branches' outputs, which must be alike. `Residual(f)` is
    `Add(Identity(), f)`.
    Source: He, Zhang, Ren and Sun, "Deep residual learning for image recognition", CVPR 2016,
    equation 2, where the first branch is a product with W_s.

    >>> from scratch import Dense
    >>> layer = Add(Identity(), Dense(1, 1))
    >>> layer.theta = [10.0, 0.5]
    >>> layer.forward(np.array([[3.0]])), layer.backward(np.array([[1.0]]))
    (array([[33.5]]), array([[11.]]))
    """

    def join(self, outputs: list[np.ndarray]) -> np.ndarray:
        """Return the sum of the outputs; ValueError if they are not of one shape."""
        if len({a.shape for a in outputs}) > 1:
            shapes = ", ".join(str(a.shape) for a in outputs)
            raise ValueError(f"the branches' outputs must have one shape: {shapes}")
        first, *others = outputs
        return sum(others, first)

    def split(self, da: np.ndarray) -> list[np.ndarray]:
        """Return da for every branch."""
        return [da for _ in self.layers]
