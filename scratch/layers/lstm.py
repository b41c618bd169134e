"""Long short-term memory."""

from typing import Self

import numpy as np

from scratch.initializers import glorot_uniform
from scratch.layers.layer import Draw
from scratch.layers.recurrent import Recurrent, State

__all__ = ["LSTM"]


class LSTM(Recurrent):
    """A cell c that is kept, forgotten and added to; the output h is what it shows of itself.

    With s_t = [x_t h_{t−1} 1] V, that is x_t W + h_{t−1} U + b, cut into four parts for the gates
    i, f, the new content g and the gate o, in this order:

        i, f, o = σ(s_i), σ(s_f), σ(s_o);  g = tanh(s_g)
        c_t = f ⊙ c_{t−1} + i ⊙ g
        h_t = o ⊙ tanh(c_t)

    Shapes: X (n, t, d_in), W (d_in, 4 d_out), U (d_out, 4 d_out), b (4 d_out,); state (h, c).
    Keras and PyTorch have the gates in this order, too. `initialize` sets the forget gate's bias to
    1, as Keras does, so that a new cell remembers.

    Gradients, with dh, dc what reaches h_t and c_t: dc ← dc + dh ⊙ o ⊙ (1 − tanh²c_t);
    ds_i = dc ⊙ g ⊙ i(1−i), ds_f = dc ⊙ c_{t−1} ⊙ f(1−f), ds_g = dc ⊙ i ⊙ (1−g²),
    ds_o = dh ⊙ tanh(c_t) ⊙ o(1−o); ds Uᵀ reaches h_{t−1}, dc ⊙ f reaches c_{t−1}.
    Source: Hochreiter and Schmidhuber, "Long short-term memory", Neural Computation 9, 1997; with
    the forget gate of Gers, Schmidhuber and Cummins, "Learning to forget", Neural Computation 12,
    2000, whose gradient is the whole one here, as in Graves and Schmidhuber, Neural Networks 18,
    2005.

    >>> layer = LSTM(1, 1)
    >>> layer.params[2][:] = [0.0, 0.0, 1.0, 0.0]  # every gate is half open, g is tanh(1)
    >>> layer.forward(np.zeros((1, 2, 1))).round(6)  # ½ tanh(½·½ tanh(1) + ½ tanh(1))
    array([[0.258118]])
    """

    gates = 4
    parts = 2

    def initialize(self, rng: np.random.Generator, draw: Draw = glorot_uniform) -> Self:
        """Draw W by the rule and U orthogonal; biases are 0, and 1 for the forget gate."""
        super().initialize(rng, draw)
        for b in self.params[2:3]:
            b[self.d_out : 2 * self.d_out] = 1
        return self

    def joined(self) -> np.ndarray:
        """Return V, halved for i, f and o: since σ(s) = ½ + ½ tanh(½ s), one tanh serves all."""
        V = super().joined()
        halved = 0.5 * V
        halved[2] = V[2]
        return halved

    def begin(self, t: int, n: int) -> None:
        """Make room for tanh and σ of the four gates, and for tanh(c)."""
        self.tanh = np.empty_like(self.read, shape=(t, 4, n, self.d_out))
        self.sigma = np.empty_like(self.tanh)
        self.tanh_c = np.empty_like(self.read, shape=(t, n, self.d_out))

    def advance(self, t: int, s: np.ndarray) -> None:
        """Keep h and c."""
        h, c = self.states
        self.tanh[t] = np.tanh(s)
        self.sigma[t] = 0.5 * self.tanh[t] + 0.5
        i, f, g, o = self._gates(t)
        c[t + 1] = f * c[t] + i * g
        self.tanh_c[t] = np.tanh(c[t + 1])
        h[t + 1] = o * self.tanh_c[t]

    def derive(self, t: int) -> None:
        """Compute what dc is multiplied by for ds_i, ds_f and ds_g, and dh for ds_o and for dc."""
        i, f, g, o = self._gates(slice(t))
        c, tanh_c = self.states[1][:t], self.tanh_c
        self.slopes = np.empty_like(self.tanh)
        self.slopes[:, 0] = g * i * (1 - i)
        self.slopes[:, 1] = c * f * (1 - f)
        self.slopes[:, 2] = i * (1 - g * g)
        self.slopes[:, 3] = tanh_c * o * (1 - o)
        self.slope_c = o * (1 - tanh_c * tanh_c)
        U = self.params[1]
        self.UT = np.empty_like(U, shape=U.shape[::-1])  # BLAS multiplies faster by a copy
        self.UT[...] = U.T

    def retreat(self, t: int, d: State) -> State:
        """Keep ds; return the gradients to (h, c) of the step before."""
        (dh, dc), (_, f, _, _), ds = d, self._gates(t), self.ds(t)
        dc = dc + dh * self.slope_c[t]
        ds[:3] = dc * self.slopes[t, :3]
        ds[3] = dh * self.slopes[t, 3]
        return self.dS[t] @ self.UT, dc * f

    def _gates(self, t: int | slice) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Return i, f, g and o of a step (n, d_out), or of many (t, n, d_out)."""
        sigma = self.sigma[t].swapaxes(0, -3)
        return sigma[0], sigma[1], self.tanh[t].swapaxes(0, -3)[2], sigma[3]
