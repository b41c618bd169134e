"""The gated recurrent unit."""

from typing import Any

import numpy as np

from scratch.layers.activations import sigmoid
from scratch.layers.masking import Mask
from scratch.layers.recurrent import Recurrent, State

__all__ = ["GRU"]


class GRU(Recurrent):
    """h_t = z ⊙ h_{t−1} + (1 − z) ⊙ g: the gate z keeps the old state or takes the new content g.

    With a = x_t W + b and q = h_{t−1} U + b′, each cut into three parts for z, r and g:

        z, r = σ(a_z + q_z), σ(a_r + q_r)
        g = tanh(a_g + r ⊙ q_g)               reset_after=True: Keras' default, PyTorch's only
        g = tanh(a_g + (r ⊙ h_{t−1}) U_g)     reset_after=False: the paper's

    Shapes: X (n, t, d_in), W (d_in, 3 d_out), U (d_out, 3 d_out), b, b′ (3 d_out,). With
    reset_after there are the two biases, else b alone. Keras has the parts in this order, PyTorch
    as r, z, g. The paper's z is 1 − z here, as in both frameworks.

    Gradients, with dh what reaches h_t: ds_g = dh ⊙ (1−z) ⊙ (1−g²), ds_z = dh ⊙ (h_{t−1}−g) ⊙
    z(1−z); with reset_after ds_r = ds_g ⊙ q_g ⊙ r(1−r), and ds_g ⊙ r reaches q_g; else, with
    dp = ds_g U_gᵀ, ds_r = dp ⊙ h_{t−1} ⊙ r(1−r), and dp ⊙ r reaches h_{t−1}.
    Source: Cho et al., "Learning phrase representations using RNN encoder-decoder for statistical
    machine translation", EMNLP 2014, equations 5 to 8.

    >>> layer = GRU(1, 1)
    >>> layer.params[2][:] = [0.0, 0.0, 1.0]  # both gates are half open
    >>> layer.forward(np.zeros((1, 2, 1))).round(6)  # ½·½ tanh(1) + ½ tanh(1)
    array([[0.571196]])
    """

    gates = 3

    def __init__(
        self,
        d_in: int,
        d_out: int,
        *,
        reset_after: bool = True,
        return_sequences: bool = False,
        reverse: bool = False,
        mask: Mask | None = None,
        zero_at_padding: bool = False,
    ) -> None:
        options: Any = {"mask": mask, "zero_at_padding": zero_at_padding, "reverse": reverse}
        biases = 2 if reset_after else 1
        super().__init__(d_in, d_out, return_sequences=return_sequences, biases=biases, **options)
        self.reset_after = reset_after

    def advance(self, z: np.ndarray, state: State) -> tuple[State, State]:
        """Return (h,), and what its derivative needs."""
        (h,), (_, U, *biases), d = state, self.params, self.d_out
        a_z, a_r, a_g = self._parts(z)
        if self.reset_after:
            q = h @ U + biases[1]
            q_z, q_r, q_g = self._parts(q)
        else:
            q = h @ U[:, : 2 * d]
            q_z, q_r = q[:, :d], q[:, d:]
        keep, r = sigmoid(a_z + q_z), sigmoid(a_r + q_r)
        p = q_g if self.reset_after else r * h
        g = np.tanh(a_g + (r * q_g if self.reset_after else p @ U[:, 2 * d :]))
        return (keep * h + (1 - keep) * g,), (h, keep, r, p, g)

    def retreat(self, i: int, d: State) -> tuple[np.ndarray, np.ndarray, State]:
        """Return the gradients to x W, to h U, and to the h of the step before."""
        (dh,), (h, keep, r, p, g), U = d, self.kept[i], self.params[1]
        da = np.empty_like(dh, shape=(len(dh), 3 * self.d_out))
        da_z, da_r, da_g = self._parts(da)
        da_g[...] = dh * (1 - keep) * (1 - g * g)
        da_z[...] = dh * (h - g) * keep * (1 - keep)
        if self.reset_after:
            da_r[...] = da_g * p * r * (1 - r)
            dq = np.empty_like(da)
            dq[...] = da
            self._parts(dq)[2][...] = da_g * r
            return da, dq, (dh * keep + dq @ U.T,)
        gates = slice(0, 2 * self.d_out)
        dp = da_g @ U[:, 2 * self.d_out :].T
        da_r[...] = dp * h * r * (1 - r)
        return da, da, (dh * keep + da[:, gates] @ U[:, gates].T + dp * r,)

    def dU(self, dS: np.ndarray) -> np.ndarray:
        """Return Σ_t h_{t−1}ᵀ dS_t; for the content, without reset_after, Σ_t (r h_{t−1})ᵀ dS_t."""
        dU = super().dU(dS)
        if not self.reset_after:
            content = slice(2 * self.d_out, None)
            reset = np.empty_like(dS, shape=(*dS.shape[:2], self.d_out))
            for i, (_, _, _, p, _) in enumerate(self.kept):
                reset[i] = p
            dU[:, content] = (reset.swapaxes(1, 2) @ dS[:, :, content]).sum(axis=0)
        return dU

    def _parts(self, s: np.ndarray) -> list[np.ndarray]:
        """Return the parts of s (n, 3 d_out) that belong to z, r and g."""
        return [s[:, k * self.d_out : (k + 1) * self.d_out] for k in range(3)]
