"""The losses for certified results: L of outputs and targets, and its derivative.

Outputs are (n, k); targets y are labels or numbers (n,), or numbers (n, k). Tokens are (n, t), -1
where none is asked for, with outputs (n, t, k).
"""

from collections.abc import Callable

import numpy as np

__all__ = ["LOSSES"]

Loss = Callable[[np.ndarray, np.ndarray], tuple[np.floating, np.ndarray]]


def sum_of_squares(a: np.ndarray, y: np.ndarray) -> tuple[np.floating, np.ndarray]:
    """L = Σ (a − y)²; da = 2 (a − y)."""
    error = a - y.reshape(a.shape)
    return (error * error).sum(), 2 * error


def half_the_sum_of_squares(a: np.ndarray, y: np.ndarray) -> tuple[np.floating, np.ndarray]:
    """L = ½ Σ (a − y)²; da = a − y."""
    error = a - y.reshape(a.shape)
    return (error * error).sum() / 2, error


def mean_of_squares(a: np.ndarray, y: np.ndarray) -> tuple[np.floating, np.ndarray]:
    """L = 1/nk Σ (a − y)²; da = 2/nk (a − y)."""
    error = a - y.reshape(a.shape)
    return (error * error).sum() / a.size, 2 * error / a.size


def binary_cross_entropy(z: np.ndarray, y: np.ndarray) -> tuple[np.floating, np.ndarray]:
    """L = 1/nk Σ (log(1 + e^z) − z y); dz = (σ(z) − y)/nk."""
    y = y.reshape(z.shape)
    losses = np.maximum(z, 0) - z * y + np.log1p(np.exp(-np.abs(z)))
    return losses.sum() / z.size, (1 / (1 + np.exp(-z)) - y) / z.size


def categorical_cross_entropy(z: np.ndarray, y: np.ndarray) -> tuple[np.floating, np.ndarray]:
    """L = 1/n Σ (log Σₖ e^zₖ − z_y); dz = (softmax(z) − onehot(y))/n."""
    rows = np.arange(len(y))
    shifted = z - z.max(axis=1, keepdims=True)
    exponentials = np.exp(shifted)
    totals = exponentials.sum(axis=1)
    dz = exponentials / totals[:, None]
    dz[rows, y] -= 1
    return (np.log(totals) - shifted[rows, y]).sum() / len(y), dz / len(y)


def categorical_of_tokens(z: np.ndarray, y: np.ndarray) -> tuple[np.floating, np.ndarray]:
    """L and dz of the categorical cross-entropy over all tokens that are asked for."""
    asked, dz = y >= 0, np.zeros_like(z)
    loss, dz[asked] = categorical_cross_entropy(z[asked], y[asked])
    return loss, dz


def perceptron_criterion(z: np.ndarray, y: np.ndarray) -> tuple[np.floating, np.ndarray]:
    """L = 1/n Σ (z_c − z_y), c the first largest of max(z, 0); dz = (onehot(c) − onehot(y))/n."""
    rows, c = np.arange(len(y)), np.maximum(z, 0).argmax(axis=1)
    dz = np.zeros_like(z)
    dz[rows, c] += 1
    dz[rows, y] -= 1
    return (z[rows, c] - z[rows, y]).sum() / len(y), dz / len(y)


LOSSES: dict[str, Loss] = {
    "half the sum of squares": half_the_sum_of_squares,
    "sum of squares": sum_of_squares,
    "mean of squares": mean_of_squares,
    "binary cross-entropy": binary_cross_entropy,
    "categorical cross-entropy": categorical_cross_entropy,
    "categorical cross-entropy of tokens": categorical_of_tokens,
    "perceptron criterion": perceptron_criterion,
}
