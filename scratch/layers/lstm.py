"""Long short-term memory."""

from typing import Self

import numpy as np

from scratch.initializers import glorot_uniform
from scratch.layers.activations import sigmoid
from scratch.layers.layer import Draw
from scratch.layers.recurrent import Recurrent, State

__all__ = ["LSTM"]


class LSTM(Recurrent):
    """A cell c that is kept, forgotten and added to; the output h is what it shows of itself.

    With s_t = x_t W + h_{t−1} U + b, cut into four parts for the gates i, f, the new content g and
    the gate o, in this order:

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

    def advance(self, z: np.ndarray, state: State) -> tuple[State, State]:
        """Return (h, c), and what their derivative needs."""
        (h, c), (_, U, *biases) = state, self.params
        s = z + h @ U
        s_i, s_f, s_g, s_o = self._parts(s + biases[1] if len(biases) > 1 else s)
        i, f, g, o = sigmoid(s_i), sigmoid(s_f), np.tanh(s_g), sigmoid(s_o)
        tanh_c = np.tanh(c_new := f * c + i * g)
        return (o * tanh_c, c_new), (i, f, g, o, c, tanh_c)

    def retreat(self, i: int, d: State) -> tuple[np.ndarray, np.ndarray, State]:
        """Return ds, twice, and the gradients to (h, c) of the step before."""
        (dh, dc), (i_, f, g, o, c, tanh_c) = d, self.kept[i]
        dc = dc + dh * o * (1 - tanh_c * tanh_c)
        ds = np.empty_like(dh, shape=(len(dh), 4 * self.d_out))
        ds_i, ds_f, ds_g, ds_o = self._parts(ds)
        ds_i[...] = dc * g * i_ * (1 - i_)
        ds_f[...] = dc * c * f * (1 - f)
        ds_g[...] = dc * i_ * (1 - g * g)
        ds_o[...] = dh * tanh_c * o * (1 - o)
        return ds, ds, (ds @ self.params[1].T, dc * f)

    def _parts(self, s: np.ndarray) -> list[np.ndarray]:
        """Return the parts of s (n, 4 d_out) that belong to i, f, g and o."""
        return [s[:, k * self.d_out : (k + 1) * self.d_out] for k in range(4)]
