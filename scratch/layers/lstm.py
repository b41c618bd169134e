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
        """Return V, its gates as i, f, o, g; halved for the first three: σ(s) = ½ + ½ tanh(½ s)."""
        V = super().joined()
        ordered = np.empty_like(V)
        ordered[:2], ordered[2], ordered[3] = 0.5 * V[:2], 0.5 * V[3], V[2]
        return ordered

    def begin(self, t: int, n: int) -> list[np.ndarray]:
        """Make room for i, f, o; g, c, tanh(c) of each step, of which c is the one before it.

        In this order i, f and o lie beside what they are multiplied with.
        """
        self.kept = np.empty_like(self.read, shape=(t + 1, 6, n, self.d_out))
        return [self.kept[:, 4]]

    def advance(self, t: int, s: np.ndarray) -> None:
        """Keep h and c."""
        (h, c), kept = self.states, self.kept[t]
        kept[:4] = np.tanh(s)
        kept[:3] = 0.5 * kept[:3] + 0.5
        i, f, o, g = (kept[k] for k in range(4))
        c[t + 1] = f * c[t] + i * g
        kept[5] = np.tanh(c[t + 1])
        h[t + 1] = o * kept[5]

    def derive(self, steps: slice) -> None:
        """Compute what dc is multiplied by for dc, ds_i, ds_f, ds_g, and dh for ds_o and dc.

        In this order they lie in `slopes`.
        """
        kept = self.kept[steps]
        gates, tanhs = kept[:, :3], kept[:, 3::2]  # i, f, o; g and tanh(c)
        of_gates = gates * (1 - gates)
        self.slopes = np.empty_like(kept)
        self.slopes[:, 0] = gates[:, 1]
        self.slopes[:, 1:3] = of_gates[:, :2] * kept[:, 3:5]
        self.slopes[:, 4] = of_gates[:, 2] * kept[:, 5]
        self.slopes[:, 3::2] = gates[:, ::2] * (1 - tanhs * tanhs)

    def backward_params(self, da: np.ndarray) -> None:
        """Set the gradients and `dstart`."""
        U = self.params[1]
        self.UT = np.empty_like(U, shape=U.shape[::-1])  # BLAS multiplies faster by a copy
        self.UT[...] = U.T
        super().backward_params(da)

    def retreat(self, t: int, k: int, d: State) -> State:
        """Keep ds; return the gradients to (h, c) of the step before."""
        (dh, dc), slopes = d, self.slopes[k]
        reached = np.empty_like(slopes)
        reached[4:] = dh * slopes[4:]
        reached[:4] = (dc + reached[5]) * slopes[:4]
        self.ds(t)[...] = reached[1:5]
        return self.dS[t] @ self.UT, reached[0]
