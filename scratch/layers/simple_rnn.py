"""The simple recurrent layer, also called Elman's network."""

import numpy as np

from scratch.layers.recurrent import Recurrent, State

__all__ = ["SimpleRNN"]


class SimpleRNN(Recurrent):
    """h_t = tanh(x_t W + h_{t−1} U + b).

    Shapes: X (n, t, d_in), W (d_in, d_out), U (d_out, d_out), b (d_out,); options, masks and
    outputs as in `Recurrent`.

    Gradients, with dh_t what reaches h_t: dz_t = dh_t ⊙ (1 − h_t²), dW = Σ x_tᵀ dz_t,
    dU = Σ h_{t−1}ᵀ dz_t, db = Σ dz_t, dx_t = dz_t Wᵀ; and dz_t Uᵀ reaches h_{t−1}.
    Source: Elman, "Finding structure in time", Cognitive Science 14, 1990.

    >>> layer = SimpleRNN(1, 1)
    >>> layer.params[0][:], layer.params[1][:] = 1.0, 2.0
    >>> layer.forward(np.array([[[0.5], [0.0]]])).round(6)  # tanh(2 tanh(0.5))
    array([[0.727894]])
    >>> layer.backward(np.ones((1, 1))).round(6).ravel()
    array([0.739528, 0.47017 ])
    """

    def advance(self, i: int, s: np.ndarray) -> None:
        """Keep h = tanh(s)."""
        (h,) = self.states
        h[i + 1] = np.tanh(s[0])

    def derive(self, steps: slice) -> None:
        """Compute 1 − h²."""
        h = self.states[0][1:][steps]
        self.slope = 1 - h * h

    def retreat(self, i: int, k: int, d: State) -> State:
        """Keep ds = dh ⊙ (1 − h²); return ds Uᵀ."""
        (dh,) = d
        self.dS[i] = dh * self.slope[k]
        return (self.dS[i] @ self.params[1].T,)
