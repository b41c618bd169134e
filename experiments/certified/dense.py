"""Dense layers for certified results, in the dtype of their arrays.

Weights come as W₁ (d, k), b₁ (k,), W₂, b₂, ..., or without any b.
"""

from collections.abc import Sequence

import numpy as np

from experiments.certified.stored import Formulas

__all__ = ["backward", "forward", "product"]

Masks = Sequence[np.ndarray]  # by which each layer's inputs are multiplied; (): by none


def forward(
    weights: list[np.ndarray], X: np.ndarray, formulas: Formulas, masks: Masks = ()
) -> list[np.ndarray]:
    """Return X and the output of every layer: z = (a ⊙ mask) W + b, a = f(z)."""
    outputs, layers = [X], _layers(weights)
    for i, (W, b) in enumerate(layers):
        z = product(outputs[i] * masks[i] if masks else outputs[i], W)
        if b is not None:
            z += b
        f = formulas.hidden if len(outputs) < len(layers) else formulas.output
        outputs.append(_activate(f, z))
    return outputs


def backward(
    weights: list[np.ndarray],
    outputs: list[np.ndarray],
    da: np.ndarray,
    formulas: Formulas,
    masks: Masks = (),
) -> tuple[list[np.ndarray], np.ndarray]:
    """Return dL/dw for every weight, and dL/dz of the first layer, from dL/da of the last.

    `outputs` is what `forward` returned.  dz = f′(z) da, dW = (a ⊙ mask)ᵀ dz, db = Σ dz,
    da = dz Wᵀ ⊙ mask.
    """
    grads: list[np.ndarray] = []
    layers = _layers(weights)
    for i, (W, b) in reversed([*enumerate(layers)]):
        f = formulas.output if i + 1 == len(layers) else formulas.hidden
        dz = da * _slope(f, outputs[i + 1])
        a = outputs[i] * masks[i] if masks else outputs[i]
        grads = [product(a.T, dz), *([] if b is None else [dz.sum(axis=0)]), *grads]
        if i:
            da = product(dz, W.T) * masks[i] if masks else product(dz, W.T)
    return grads, dz


def product(A: np.ndarray, B: np.ndarray) -> np.ndarray:
    """Return A B; for longdoubles `np.inner` is three times as fast as `@`: both follow rows."""
    return np.inner(np.ascontiguousarray(A), np.ascontiguousarray(B.T))


def _layers(weights: list[np.ndarray]) -> list[tuple[np.ndarray, np.ndarray | None]]:
    """Return W and b of every layer; b is None if there are no biases.

    >>> W, b = np.ones((2, 1)), np.ones(1)
    >>> len(_layers([W, b])), len(_layers([W, W]))
    (1, 2)
    """
    if any(w.ndim == 1 for w in weights):
        return list(zip(weights[::2], weights[1::2], strict=True))
    return [(W, None) for W in weights]


def _activate(f: str, z: np.ndarray) -> np.ndarray:
    if f == "sigmoid":
        return 1 / (1 + np.exp(-z))
    if f == "tanh":
        return np.tanh(z)
    return np.maximum(z, 0) if f == "relu" else z


def _slope(f: str, a: np.ndarray) -> np.ndarray | int:
    """f′(z), which follows from a = f(z)."""
    if f == "sigmoid":
        return a * (1 - a)
    if f == "tanh":
        return 1 - a * a
    return (a > 0).astype(a.dtype) if f == "relu" else 1
