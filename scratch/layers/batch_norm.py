"""Batch normalization."""

from collections.abc import Sequence
from typing import Self

import numpy as np

from scratch.checks import require_fraction, require_not_negative, require_positive
from scratch.initializers import glorot_uniform, zeros
from scratch.layers.layer import Draw, Layer

__all__ = ["BatchNorm"]


class BatchNorm(Layer):
    """a = γ x̂ + β with x̂ = (X − μ)/√(σ² + ε), separately for every channel, the last axis.

    In training μ and σ² = 1/m Σ (X − μ)² are those of the batch, over all other axes (m numbers:
    n, or n·h·w), and update the running ones: running ← momentum · running + (1 − momentum) · new.
    Otherwise the running ones are used. With `unbiased_running_variance` the new variance is
    m/(m − 1) σ², though X is always normalized with σ².

    Shapes: X, a (n, d) or (n, h, w, d); γ, β (d,) in `params`; running mean and variance (d,) in
    `state`. ValueError in training for a batch of m = 0, and of m = 1 if the running variance is
    unbiased; if it is biased, m = 1 gives a = β and no gradient to X.

    Gradients: dβ = Σ da, dγ = Σ da x̂; in training μ and σ² depend on X, and
    dX = γ/√(σ² + ε) (da − 1/m dβ − 1/m x̂ dγ); otherwise dX = γ/√(σ² + ε) da.
    Source: Ioffe and Szegedy, "Batch normalization: accelerating deep network training by reducing
    internal covariate shift", ICML 2015, algorithm 1 and the chain rule in section 3.

    >>> layer = BatchNorm.pytorch(1)
    >>> layer.forward(np.array([[1.0], [3.0]]), training=True).round(4).ravel()
    array([-1.,  1.])
    >>> {name: value.round(4).tolist() for name, value in layer.state.items()}
    {'mean': [0.2], 'variance': [1.1]}
    """

    def __init__(
        self, d: int, *, momentum: float, epsilon: float, unbiased_running_variance: bool
    ) -> None:
        require_positive("d", d)
        require_fraction("momentum", momentum)
        require_not_negative("epsilon", epsilon)
        super().__init__([np.ones(d), zeros(d)])
        self.momentum, self.epsilon, self.unbiased = momentum, epsilon, unbiased_running_variance
        self.state = {"mean": zeros(d), "variance": np.ones(d)}

    @classmethod
    def keras(cls, d: int) -> "BatchNorm":
        """Return `keras.layers.BatchNormalization()`: momentum 0.99, ε 10⁻³, running σ² biased."""
        return cls(d, momentum=0.99, epsilon=1e-3, unbiased_running_variance=False)

    @classmethod
    def pytorch(cls, d: int) -> "BatchNorm":
        """Return `torch.nn.BatchNorm1d(d)` or 2d: its momentum 0.1 is 1 − 0.9; ε 10⁻⁵, unbiased."""
        return cls(d, momentum=0.9, epsilon=1e-5, unbiased_running_variance=True)

    def attach(self, params: Sequence[np.ndarray], grads: Sequence[np.ndarray]) -> None:
        """Keep parameters and gradients in the given arrays; the state takes on their dtype."""
        super().attach(params, grads)
        self.state = {name: a.astype(params[0].dtype) for name, a in self.state.items()}

    def initialize(self, rng: np.random.Generator, draw: Draw = glorot_uniform) -> Self:
        """Set γ = 1, β = 0, running mean 0 and variance 1; nothing is drawn."""
        for array, value in zip([*self.params, *self.state.values()], (1, 0, 0, 1), strict=True):
            array[:] = value
        return self

    def forward(self, X: np.ndarray, training: bool = False) -> np.ndarray:
        """Return γ x̂ + β, and in training update the running mean and variance."""
        gamma, beta = self.params
        self.m = X.size // X.shape[-1]  # numbers per channel
        self.used_batch = training
        mean, variance = self.state["mean"], self.state["variance"]
        if training:
            self._require_enough()
            mean = _sum(X) / self.m
            variance = _sum((X - mean) ** 2) / self.m
            self._follow(mean, variance)
        self.scale = 1 / np.sqrt(variance + self.epsilon)
        self.x_hat = (X - mean) * self.scale
        return gamma * self.x_hat + beta

    def backward(self, da: np.ndarray) -> np.ndarray:
        """Set dγ and dβ; return dX, through μ and σ² if the latest forward used the batch's."""
        (gamma, _), (dgamma, dbeta) = self.params, self.grads
        dgamma[...], dbeta[...] = _sum(da * self.x_hat), _sum(da)
        if self.used_batch:
            da = da - dbeta / self.m - self.x_hat * (dgamma / self.m)
        return gamma * self.scale * da

    def _follow(self, mean: np.ndarray, variance: np.ndarray) -> None:
        """Move the running mean and variance towards the batch's."""
        if self.unbiased:
            variance = variance * (self.m / (self.m - 1))
        for running, new in zip(self.state.values(), (mean, variance), strict=True):
            running[...] = self.momentum * running + (1 - self.momentum) * new

    def _require_enough(self) -> None:
        least = 2 if self.unbiased else 1
        if self.m < least:
            raise ValueError(
                f"X must hold at least {least} values per channel in training, got {self.m}"
            )


def _sum(X: np.ndarray) -> np.ndarray:
    """Return the sum of every channel (d,) of X (..., d)."""
    return X.sum(axis=tuple(range(X.ndim - 1)))
