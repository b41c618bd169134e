"""A transformer of one block for certified results, in the dtype of its arrays.

Weights come as embeddings of tokens (k, d) and of positions (t, d); γ, β of the attention's norm,
W_q, W_k, W_v, W_o (d, d); γ, β of the inner layers' norm, W (d, m), b, W (m, d), b; γ, β of the
last norm, and W (d, k) of the outputs. Attention is causal, and nothing in it has a bias.
"""

from typing import Any

import numpy as np

from experiments.certified.dense import product
from experiments.certified.stored import Formulas

__all__ = ["Transformer"]


class Transformer:
    """The equations of a block with so many heads, whose norms add ε to the variance."""

    def __init__(self, heads: int, epsilon: float) -> None:
        self.heads, self.epsilon = heads, epsilon

    def forward(
        self, weights: list[np.ndarray], tokens: np.ndarray, formulas: Formulas
    ) -> list[Any]:
        """Return what `backward` needs, and the logits (n, t, k) for tokens (n, t)."""
        E, P, *block, W_out = weights
        tokens = tokens.astype(np.int64)
        x = E[tokens] + P
        normed, x_hat, scale = self.norm(x, *block[0:2])
        attended, kept = self.attend(normed, *block[2:6])
        x_2 = x + attended
        normed_2, x_hat_2, scale_2 = self.norm(x_2, *block[6:8])
        W_1, b_1, W_2, b_2 = block[8:12]
        a = np.maximum(_rows(normed_2, W_1) + b_1, 0)
        x_3 = x_2 + _rows(a, W_2) + b_2
        normed_3, x_hat_3, scale_3 = self.norm(x_3, *block[12:14])
        norms = [(x_hat, scale), (x_hat_2, scale_2), (x_hat_3, scale_3)]
        return [tokens, norms, kept, normed_2, a, normed_3, _rows(normed_3, W_out)]

    def backward(
        self, weights: list[np.ndarray], outputs: list[Any], dz: np.ndarray, formulas: Formulas
    ) -> tuple[list[np.ndarray], np.ndarray]:
        """Return dL/dw for every weight, and dL/dx of the embeddings' sum x, from dL/dz."""
        E, P, *block, W_out = weights
        tokens, norms, kept, normed_2, a, normed_3, _ = outputs
        d_normed, d_out = _rows(dz, W_out.T), _outer(normed_3, dz)
        dx, d_norm_3 = self.norm_backward(d_normed, block[12], *norms[2])
        dh = _rows(dx, block[10].T) * (a > 0)
        d_inner = [_outer(normed_2, dh), _sum(dh), _outer(a, dx), _sum(dx)]
        d_norm_input, d_norm_2 = self.norm_backward(_rows(dh, block[8].T), block[6], *norms[1])
        dx = dx + d_norm_input
        d_normed, d_attention = self.attend_backward(dx, kept, *block[2:6])
        d_norm_input, d_norm_1 = self.norm_backward(d_normed, block[0], *norms[0])
        dx = dx + d_norm_input
        dE = np.zeros_like(E)
        np.add.at(dE, tokens, dx)
        grads = [dE, dx.sum(axis=0), *d_norm_1, *d_attention, *d_norm_2, *d_inner, *d_norm_3]
        return [*grads, d_out], dx

    def norm(
        self, x: np.ndarray, gamma: np.ndarray, beta: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return γ x̂ + β, x̂ = (x − μ)/√(σ² + ε), and 1/√(σ² + ε), by row."""
        d = x.shape[-1]
        error = x - x.sum(axis=-1, keepdims=True) / d
        variance = (error * error).sum(axis=-1, keepdims=True) / d
        scale = 1 / np.sqrt(variance + x.dtype.type(self.epsilon))
        x_hat = error * scale
        return gamma * x_hat + beta, x_hat, scale

    def norm_backward(
        self, da: np.ndarray, gamma: np.ndarray, x_hat: np.ndarray, scale: np.ndarray
    ) -> tuple[np.ndarray, list[np.ndarray]]:
        """Return dx = (dx̂ − mean dx̂ − x̂ mean(x̂ dx̂))/√(σ² + ε) with dx̂ = γ da, and [dγ, dβ]."""
        d, dx_hat = len(gamma), gamma * da
        mean = dx_hat.sum(axis=-1, keepdims=True) / d
        along = (x_hat * dx_hat).sum(axis=-1, keepdims=True) / d
        return scale * (dx_hat - mean - x_hat * along), [_sum(da * x_hat), _sum(da)]

    def attend(
        self, x: np.ndarray, W_q: np.ndarray, W_k: np.ndarray, W_v: np.ndarray, W_o: np.ndarray
    ) -> tuple[np.ndarray, tuple[np.ndarray, ...]]:
        """Return softmax(q kᵀ/√d) v W_o over the steps so far, head by head, and what is kept."""
        q, k, v = (self.split(_rows(x, W)) for W in (W_q, W_k, W_v))
        scores = q @ k.swapaxes(-1, -2) / np.sqrt(x.dtype.type(q.shape[-1]))
        steps = np.arange(x.shape[1])
        scores[..., steps[:, None] < steps] = -np.inf
        p = np.exp(scores - scores.max(axis=-1, keepdims=True))
        p = p / p.sum(axis=-1, keepdims=True)
        joined = self.join(p @ v)
        return _rows(joined, W_o), (x, q, k, v, p, joined)

    def attend_backward(
        self,
        da: np.ndarray,
        kept: tuple[np.ndarray, ...],
        W_q: np.ndarray,
        W_k: np.ndarray,
        W_v: np.ndarray,
        W_o: np.ndarray,
    ) -> tuple[np.ndarray, list[np.ndarray]]:
        """Return dx and the gradients of the four matrices; ds = p (dp − Σ p dp) for each query."""
        x, q, k, v, p, joined = kept
        heads = self.split(_rows(da, W_o.T))
        dp = heads @ v.swapaxes(-1, -2)
        ds = p * (dp - (p * dp).sum(axis=-1, keepdims=True))
        ds = ds / np.sqrt(x.dtype.type(q.shape[-1]))
        parts = ds @ k, ds.swapaxes(-1, -2) @ q, p.swapaxes(-1, -2) @ heads
        dq, dk, dv = map(self.join, parts)
        dx = _rows(dq, W_q.T) + _rows(dk, W_k.T) + _rows(dv, W_v.T)
        return dx, [*(_outer(x, each) for each in (dq, dk, dv)), _outer(joined, da)]

    def split(self, z: np.ndarray) -> np.ndarray:
        """Return (n, t, d) as heads (n, h, t, d/h)."""
        n, t, d = z.shape
        return z.reshape(n, t, self.heads, d // self.heads).transpose(0, 2, 1, 3)

    def join(self, heads: np.ndarray) -> np.ndarray:
        """Return heads (n, h, t, d/h) as (n, t, d)."""
        n, h, t, width = heads.shape
        return heads.transpose(0, 2, 1, 3).reshape(n, t, h * width)


def _rows(x: np.ndarray, W: np.ndarray) -> np.ndarray:
    """Return x W for x (n, t, d)."""
    return product(x.reshape(-1, x.shape[-1]), W).reshape(*x.shape[:-1], -1)


def _outer(x: np.ndarray, dz: np.ndarray) -> np.ndarray:
    """Return dW = Σ xᵀ dz over all rows and steps."""
    return product(x.reshape(-1, x.shape[-1]).T, dz.reshape(-1, dz.shape[-1]))


def _sum(dz: np.ndarray) -> np.ndarray:
    return dz.sum(axis=(0, 1))
