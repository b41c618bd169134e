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

    @property
    def columns(self) -> int:
        """The numbers of s: those of z, r and g, with reset_after q_g apart from a_g."""
        return (4 if self.reset_after else 3) * self.d_out

    def joined(self) -> np.ndarray:
        """Return V (g, k, d_out): a_g has nothing from h in it, and q_g nothing from x."""
        gates, (h, b) = super().joined(), self._rows_of_h()
        V = np.zeros_like(gates, shape=(self.columns // self.d_out, *gates.shape[1:]))
        V[:3] = gates
        V[2, h] = 0
        if self.reset_after:
            V[2, b] = 0
            V[3, h], V[3, b] = gates[2, h], gates[2, b]
        return V

    def share(self, dV: np.ndarray) -> None:
        """Set the gradients to W, U and the biases from dV (k, g·d_out)."""
        (h, b), d = self._rows_of_h(), self.d_out
        g = slice(2 * d, 3 * d)
        if self.reset_after:
            dV[h, g], dV[b, g] = dV[h, 3 * d :], dV[b, 3 * d :]
        else:
            dV[h, g] = (self.p.swapaxes(1, 2) @ self.dS[:, :, g]).sum(axis=0)
        super().share(dV[:, : 3 * d])

    def begin(self, t: int, n: int) -> list[np.ndarray]:
        """Make room for z and r, for q_g or r ⊙ h, and for g."""
        self.gate = np.empty_like(self.read, shape=(t, 2, n, self.d_out))
        self.p = np.empty_like(self.read, shape=(t, n, self.d_out))
        self.g = np.empty_like(self.p)
        return []

    def advance(self, i: int, s: np.ndarray) -> None:
        """Keep h."""
        (h,), U_g = self.states, self.params[1][:, 2 * self.d_out :]
        self.gate[i] = sigmoid(s[:2])
        z, r = self.gate[i, 0], self.gate[i, 1]
        self.p[i] = s[3] if self.reset_after else r * h[i]
        self.g[i] = np.tanh(s[2] + (r * self.p[i] if self.reset_after else self.p[i] @ U_g))
        h[i + 1] = z * h[i] + (1 - z) * self.g[i]

    def derive(self, steps: slice) -> None:
        """Compute what dh is multiplied by for ds_z and ds_g, and ds_g or dp for ds_r."""
        z, r = self.gate[steps, 0], self.gate[steps, 1]
        h, g, p = self.states[0][steps], self.g[steps], self.p[steps]
        self.slope_z = (h - g) * z * (1 - z)
        self.slope_g = (1 - z) * (1 - g * g)
        self.slope_r = (p if self.reset_after else h) * r * (1 - r)

    def retreat(self, i: int, k: int, d: State) -> State:
        """Keep ds; return the gradient to the h of the step before."""
        (dh,), z, r, ds = d, self.gate[i, 0], self.gate[i, 1], self.ds(i)
        gates, content = slice(0, 2 * self.d_out), slice(2 * self.d_out, None)
        U = self.params[1]
        ds[0], ds[2] = dh * self.slope_z[k], dh * self.slope_g[k]
        if self.reset_after:
            ds[1], ds[3] = ds[2] * self.slope_r[k], ds[2] * r
            past = ds[3] @ U[:, content].T
        else:
            dp = ds[2] @ U[:, content].T
            ds[1] = dp * self.slope_r[k]
            past = dp * r
        return (dh * z + self.dS[i, :, gates] @ U[:, gates].T + past,)

    def _rows_of_h(self) -> tuple[slice, slice]:
        """Return the rows of V that belong to h: those of U, and with reset_after that of b′."""
        d_in, d = len(self.params[0]), self.d_out
        return slice(d_in, d_in + d), slice(d_in + d + 1, None)
