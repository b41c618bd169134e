"""Attention: every step of a sequence takes what it needs from all the others."""

import math

import numpy as np

from scratch.checks import require_positive
from scratch.initializers import zeros
from scratch.layers.activations import softmax
from scratch.layers.dense import affine, affine_params, row_sums
from scratch.layers.layer import Layer
from scratch.layers.masking import Mask

__all__ = ["SelfAttention", "attend", "attend_backward"]


def attend(
    q: np.ndarray, k: np.ndarray, v: np.ndarray, allowed: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Return the outputs softmax(q kᵀ/√d) v (..., t, d_v), and the weights (..., t, s).

    Shapes: queries q (..., t, d), keys k (..., s, d), values v (..., s, d_v). `allowed`, which
    broadcasts to (..., t, s), is True where a query may look: the weights are 0 elsewhere. A query
    that may look nowhere has equal weights everywhere.
    Source: Vaswani et al., "Attention is all you need", NIPS 2017, equation 1.

    >>> one = np.ones((1, 2, 1))
    >>> a, weights = attend(one, one, np.array([[[1.0], [3.0]]]))
    >>> a.ravel(), weights.ravel()
    (array([2., 2.]), array([0.5, 0.5, 0.5, 0.5]))
    """
    scores = q @ k.swapaxes(-1, -2) / math.sqrt(q.shape[-1])
    if allowed is not None:
        scores = np.minimum(scores, np.where(allowed, np.inf, np.finfo(scores.dtype).min))
    weights = softmax(scores)
    return weights @ v, weights


def attend_backward(
    da: np.ndarray, q: np.ndarray, k: np.ndarray, v: np.ndarray, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return dq, dk and dv from da = dL/da (..., t, d_v), with the weights that `attend` returned.

    dv = wᵀ da; dw = da vᵀ; the softmax's derivative gives ds = w ⊙ (dw − Σ dw w); dq = ds k/√d,
    dk = dsᵀ q/√d. Where a query may not look w is 0, and so is ds.
    """
    dw = da @ v.swapaxes(-1, -2)
    ds = weights * (dw - row_sums(dw * weights)) / math.sqrt(q.shape[-1])
    return ds @ k, ds.swapaxes(-1, -2) @ q, weights.swapaxes(-1, -2) @ da


class SelfAttention(Layer):
    """Multi-head self-attention: a = [head₁, ..., head_h] W_o + b_o.

    head_j = attend(X W_q, X W_k, X W_v) with the j-th d/h columns of each product plus bias.

    Shapes: X, a (n, t, d); W_q, W_k, W_v, W_o (d, d), biases (d,), in `params` as W_q, b_q, W_k,
    b_k, W_v, b_v, W_o, b_o; ValueError unless `heads` divides d. With `causal` a step looks at
    itself and those before it only; `mask` names the real steps (see `masking`), which alone are
    looked at. The true gradient of b_k is 0: it adds the same to all scores of a query.
    Keras has the weights as (d, h, d/h), PyTorch q, k and v in one matrix; both exclude with masks
    of opposite sense: True is "attend" in Keras and here, "ignore" in `torch.nn`.

    Gradients: those of `attend_backward`, and of four dense layers.
    Source: Vaswani et al., "Attention is all you need", NIPS 2017, section 3.2.

    >>> layer = SelfAttention(2, heads=1, causal=True)
    >>> for W in layer.params[::2]:
    ...     W[:] = np.eye(2)
    >>> layer.forward(np.array([[[1.0, 0.0], [0.0, 1.0]]])).round(4)
    array([[[1.    , 0.    ],
            [0.3302, 0.6698]]])
    """

    def __init__(
        self,
        d: int,
        heads: int = 1,
        *,
        causal: bool = False,
        bias: bool = True,
        mask: Mask | None = None,
    ) -> None:
        require_positive("d", d)
        require_positive("heads", heads)
        if d % heads:
            raise ValueError(f"heads must divide d = {d}, got {heads}")
        one = [zeros(d, d), zeros(d)] if bias else [zeros(d, d)]
        super().__init__([p.copy() for _ in range(4) for p in one])
        self.heads, self.causal, self.mask = heads, causal, mask

    def forward(self, X: np.ndarray, training: bool = False) -> np.ndarray:
        """Return a (n, t, d)."""
        self.X = X
        *inner, outer = self._pairs(self.params)
        self.q, self.k, self.v = (self._split(affine(X, *pair)) for pair in inner)
        heads, self.weights = attend(self.q, self.k, self.v, self._allowed(X))
        self.joined = self._join(heads)
        return affine(self.joined, *outer)

    def backward(self, da: np.ndarray) -> np.ndarray:
        """Set the gradients; return dX (n, t, d)."""
        *inner, outer = self._pairs(self.params)
        *d_inner, d_outer = self._pairs(self.grads)
        affine_params(da, self.joined, d_outer)
        joined = self._split(affine(da, outer[0].T))
        parts = attend_backward(joined, self.q, self.k, self.v, self.weights)
        dzs = [self._join(dz) for dz in parts]
        for dz, grads in zip(dzs, d_inner, strict=True):
            affine_params(dz, self.X, grads)
        dq, dk, dv = (affine(dz, W.T) for dz, (W, *_) in zip(dzs, inner, strict=True))
        return dq + dk + dv

    def _pairs(self, arrays: list[np.ndarray]) -> list[list[np.ndarray]]:
        """Return W and b, or W alone, for q, k, v and the output."""
        step = len(arrays) // 4
        return [arrays[i : i + step] for i in range(0, len(arrays), step)]

    def _split(self, z: np.ndarray) -> np.ndarray:
        """Return (n, t, d) as heads (n, h, t, d/h)."""
        n, t, d = z.shape
        return z.reshape(n, t, self.heads, d // self.heads).swapaxes(1, 2)

    def _join(self, z: np.ndarray) -> np.ndarray:
        """Return heads (n, h, t, d/h) side by side as (n, t, d)."""
        n, h, t, d = z.shape
        joined = np.empty_like(z, shape=(n, t, h * d))
        joined.reshape(n, t, h, d).swapaxes(1, 2)[...] = z
        return joined

    def _allowed(self, X: np.ndarray) -> np.ndarray | None:
        """Return where steps may look, to be broadcast to (n, h, t, t); None for everywhere."""
        t = X.shape[1]
        allowed = np.tri(t, dtype=bool) if self.causal else None
        if self.mask is None:
            return allowed
        real = self.mask.over(X)[:, None, None, :]
        return real if allowed is None else real & allowed
