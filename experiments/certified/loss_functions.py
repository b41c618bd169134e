"""The losses for certified results: L of outputs (n, k) and labels y (n,), and its derivative."""

from collections.abc import Callable

import numpy as np

__all__ = ["LOSSES"]

Loss = Callable[[np.ndarray, np.ndarray], tuple[np.floating, np.ndarray]]


def sum_of_squares(a: np.ndarray, y: np.ndarray) -> tuple[np.floating, np.ndarray]:
    """L = Σ (a − y)²; da = 2 (a − y)."""
    error = a - y[:, None]
    return (error * error).sum(), 2 * error


def half_the_sum_of_squares(a: np.ndarray, y: np.ndarray) -> tuple[np.floating, np.ndarray]:
    """L = ½ Σ (a − y)²; da = a − y."""
    error = a - y[:, None]
    return (error * error).sum() / 2, error


def mean_of_squares(a: np.ndarray, y: np.ndarray) -> tuple[np.floating, np.ndarray]:
    """L = 1/n Σ (a − y)²; da = 2/n (a − y)."""
    error = a - y[:, None]
    return (error * error).sum() / len(y), 2 * error / len(y)


def binary_cross_entropy(z: np.ndarray, y: np.ndarray) -> tuple[np.floating, np.ndarray]:
    """L = 1/n Σ log(1 + e^±z), with − where y = 1; dz = (σ(z) − y)/n."""
    wrong = np.where(y[:, None] == 1, -z, z)
    losses = np.maximum(wrong, 0) + np.log1p(np.exp(-np.abs(wrong)))
    return losses.sum() / len(y), (1 / (1 + np.exp(-z)) - y[:, None]) / len(y)


def categorical_cross_entropy(z: np.ndarray, y: np.ndarray) -> tuple[np.floating, np.ndarray]:
    """L = 1/n Σ (log Σₖ e^zₖ − z_y); dz = (softmax(z) − onehot(y))/n."""
    rows = np.arange(len(y))
    shifted = z - z.max(axis=1, keepdims=True)
    exponentials = np.exp(shifted)
    totals = exponentials.sum(axis=1)
    dz = exponentials / totals[:, None]
    dz[rows, y] -= 1
    return (np.log(totals) - shifted[rows, y]).sum() / len(y), dz / len(y)


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
    "perceptron criterion": perceptron_criterion,
}
