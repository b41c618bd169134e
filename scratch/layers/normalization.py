"""Normalization of each row by itself: over its features, its channels in groups, or its size.

None of these looks at other rows, or is another function in training; see `batch_norm` for the one
that does and is.
"""

from typing import Self

import numpy as np

from scratch.checks import require_not_negative, require_positive
from scratch.initializers import glorot_uniform, zeros
from scratch.layers.dense import affine, row_sums
from scratch.layers.layer import Draw, Layer

__all__ = ["GroupNorm", "LayerNorm", "RMSNorm"]


class LayerNorm(Layer):
    """a = γ x̂ + β with x̂ = (X − μ)/√(σ² + ε), μ and σ² over the last axis.

    Shapes: X, a (..., d), γ, β (d,). σ² is a mean, Σ (X − μ)²/d, in both frameworks. ε has no
    default: PyTorch's is 10⁻⁵, Keras' 10⁻³.

    Gradients: dγ = Σ da x̂, dβ = Σ da over all rows; with dx̂ = γ da,
    dX = 1/√(σ² + ε) (dx̂ − mean dx̂ − x̂ mean(dx̂ x̂)), the means over the last axis.
    Source: Ba, Kiros and Hinton, "Layer normalization", arXiv:1607.06450, 2016, equation 3.

    >>> layer = LayerNorm.pytorch(2)
    >>> layer.forward(np.array([[1.0, 3.0], [5.0, 5.0]])).round(4)
    array([[-1.,  1.],
           [ 0.,  0.]])
    >>> layer.backward(np.array([[1.0, 0.0], [0.0, 0.0]])).round(4) + 0.0
    array([[0., 0.],
           [0., 0.]])
    """

    def __init__(self, d: int, *, epsilon: float) -> None:
        require_positive("d", d)
        require_not_negative("epsilon", epsilon)
        super().__init__([np.ones(d), zeros(d)])
        self.epsilon = epsilon

    @classmethod
    def keras(cls, d: int) -> Self:
        """Return Keras' layer of this kind with its default, ε = 10⁻³."""
        return cls(d, epsilon=1e-3)

    @classmethod
    def pytorch(cls, d: int) -> Self:
        """Return PyTorch's layer of this kind with its default, ε = 10⁻⁵."""
        return cls(d, epsilon=1e-5)

    def initialize(self, rng: np.random.Generator, draw: Draw = glorot_uniform) -> Self:
        """Set γ = 1 and β = 0; nothing is drawn."""
        for p, value in zip(self.params, (1, 0), strict=False):
            p[...] = value
        return self

    def forward(self, X: np.ndarray, training: bool = False) -> np.ndarray:
        """Return γ x̂ + β."""
        gamma, beta = self.params
        self.x_hat, self.scale = _standardize(X, self.epsilon)
        return gamma * self.x_hat + beta

    def backward(self, da: np.ndarray) -> np.ndarray:
        """Set dγ and dβ; return dX."""
        gamma, (dgamma, dbeta) = self.params[0], self.grads
        products = da * self.x_hat
        dgamma[...], dbeta[...] = _over_rows(products), _over_rows(da)
        dx_hat = gamma * da
        means = _mean(da, gamma), _mean(products, gamma)  # of dx̂ and dx̂ x̂, as dx̂ = γ da
        return self.scale * (dx_hat - means[0] - self.x_hat * means[1])


class GroupNorm(Layer):
    """a = γ x̂ + β, where x̂ is standardized over a group of neighbouring channels of one image.

    Shapes: X, a (n, d) or (n, h, w, d), γ, β (d,); ValueError unless `groups` divides d. μ and σ²
    are those of (h, w, d/groups) numbers. One group for each channel is instance normalization, one
    in all normalizes the whole image. ε has no default: PyTorch's is 10⁻⁵, Keras' 10⁻³.
    Gradients as in `LayerNorm`, the means over a group.
    Source: Wu and He, "Group normalization", ECCV 2018, equations 1 to 7.

    >>> layer = GroupNorm(4, groups=2, epsilon=0.0)
    >>> layer.forward(np.array([[1.0, 3.0, 20.0, 10.0]]))
    array([[-1.,  1.,  1., -1.]])
    """

    def __init__(self, d: int, groups: int, *, epsilon: float) -> None:
        require_positive("d", d)
        require_positive("groups", groups)
        require_not_negative("epsilon", epsilon)
        if d % groups:
            raise ValueError(f"groups must divide d = {d}, got {groups}")
        super().__init__([np.ones(d), zeros(d)])
        self.groups, self.epsilon = groups, epsilon

    @classmethod
    def keras(cls, d: int, groups: int = 32) -> "GroupNorm":
        """Return `keras.layers.GroupNormalization(groups)`: ε = 10⁻³."""
        return cls(d, groups, epsilon=1e-3)

    @classmethod
    def pytorch(cls, d: int, groups: int) -> "GroupNorm":
        """Return `torch.nn.GroupNorm(groups, d)`: ε = 10⁻⁵."""
        return cls(d, groups, epsilon=1e-5)

    def initialize(self, rng: np.random.Generator, draw: Draw = glorot_uniform) -> Self:
        """Set γ = 1 and β = 0; nothing is drawn."""
        self.params[0][...], self.params[1][...] = 1, 0
        return self

    def forward(self, X: np.ndarray, training: bool = False) -> np.ndarray:
        """Return γ x̂ + β."""
        gamma, beta = self.params
        self.shape = X.shape
        grouped, self.scale = _standardize(self._grouped(X), self.epsilon)
        self.x_hat = self._ungrouped(grouped)
        return gamma * self.x_hat + beta

    def backward(self, da: np.ndarray) -> np.ndarray:
        """Set dγ and dβ; return dX."""
        dgamma, dbeta = self.grads
        dgamma[...], dbeta[...] = _over_rows(da * self.x_hat), _over_rows(da)
        grouped = self._grouped(self.params[0] * da), self._grouped(self.x_hat)
        return self._ungrouped(_through_standardize(*grouped, self.scale))

    def _grouped(self, X: np.ndarray) -> np.ndarray:
        """Return X (n, ..., d) as (n, groups, numbers of a group)."""
        n, *image, d = self.shape
        X = X.reshape(n, *image, self.groups, d // self.groups)
        return np.moveaxis(X, -2, 1).reshape(n, self.groups, -1)

    def _ungrouped(self, X: np.ndarray) -> np.ndarray:
        """Return (n, groups, numbers of a group) as (n, ..., d)."""
        n, *image, d = self.shape
        X = X.reshape(n, self.groups, *image, d // self.groups)
        return np.moveaxis(X, 1, -2).reshape(self.shape)


class RMSNorm(Layer):
    """a = γ X/rms with rms = √(mean X² + ε) over the last axis: LayerNorm without μ and β.

    Shapes: X, a (..., d), γ (d,). ε has no default: Keras' is 10⁻⁶, PyTorch's the machine epsilon
    of the type, 2.2·10⁻¹⁶ or 1.2·10⁻⁷.

    Gradients, with x̂ = X/rms: dγ = Σ da x̂; dX = 1/rms (γ da − x̂ mean(γ da x̂)).
    Source: Zhang and Sennrich, "Root mean square layer normalization", NeurIPS 2019, equation 4.

    >>> RMSNorm(2, epsilon=0.0).forward(np.array([[3.0, 3.0], [-1.0, 1.0]]))
    array([[ 1.,  1.],
           [-1.,  1.]])
    """

    def __init__(self, d: int, *, epsilon: float) -> None:
        require_positive("d", d)
        require_not_negative("epsilon", epsilon)
        super().__init__([np.ones(d)])
        self.epsilon = epsilon

    @classmethod
    def keras(cls, d: int) -> "RMSNorm":
        """Return `keras.layers.RMSNormalization()`: ε = 10⁻⁶."""
        return cls(d, epsilon=1e-6)

    @classmethod
    def pytorch(cls, d: int, dtype: np.dtype | type = np.float64) -> "RMSNorm":
        """Return `torch.nn.RMSNorm(d)`: ε is the machine epsilon of the type."""
        return cls(d, epsilon=float(np.finfo(dtype).eps))

    def initialize(self, rng: np.random.Generator, draw: Draw = glorot_uniform) -> Self:
        """Set γ = 1; nothing is drawn."""
        self.params[0][...] = 1
        return self

    def forward(self, X: np.ndarray, training: bool = False) -> np.ndarray:
        """Return γ X/rms."""
        self.scale = 1 / np.sqrt(_mean(X * X) + self.epsilon)
        self.x_hat = X * self.scale
        return self.params[0] * self.x_hat

    def backward(self, da: np.ndarray) -> np.ndarray:
        """Set dγ; return dX."""
        products = da * self.x_hat
        self.grads[0][...] = _over_rows(products)
        gamma = self.params[0]
        return self.scale * (gamma * da - self.x_hat * _mean(products, gamma))


def _mean(X: np.ndarray, *w: np.ndarray) -> np.ndarray:
    """Return the mean of X, or of w X for w (d,), over the last axis (..., 1)."""
    total = affine(X, w[0][:, None]) if w else row_sums(X)
    return total / X.shape[-1]


def _standardize(X: np.ndarray, epsilon: float) -> tuple[np.ndarray, np.ndarray]:
    """Return x̂, and 1/√(σ² + ε) (..., 1)."""
    X = X - _mean(X)
    scale = 1 / np.sqrt(_mean(X * X) + epsilon)
    return X * scale, scale


def _through_standardize(dx_hat: np.ndarray, x_hat: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """Return dX = 1/√(σ² + ε) (dx̂ − mean dx̂ − x̂ mean(dx̂ x̂))."""
    return scale * (dx_hat - _mean(dx_hat) - x_hat * _mean(dx_hat * x_hat))


def _over_rows(X: np.ndarray) -> np.ndarray:
    """Return the sum over all axes but the last (d,)."""
    return X.reshape(-1, X.shape[-1]).sum(axis=0)
