"""What recurrent layers have in common: a state that is carried from step to step.

    z_t = x_t W + b,   state_t = f(z_t, state_{t−1}),   h_t the first part of state_t

The same W, U and b serve every step. The gradient is the chain rule backwards through the steps
("backpropagation through time"): what reaches state_t comes from the output at t and from all later
steps. All x_t W are one product, and so are dW and dU, sums over all steps.
Source: Werbos, "Backpropagation through time: what it does and how to do it", Proceedings of the
IEEE 78, 1990.
"""

from typing import Any, Self

import numpy as np

from scratch.checks import require_positive
from scratch.initializers import glorot_uniform, orthogonal, zeros
from scratch.layers.layer import Draw, Layer
from scratch.layers.masking import Mask

__all__ = ["Recurrent", "State"]

State = tuple[np.ndarray, ...]  # (n, d_out) each; the first is the output h


class Recurrent(Layer):
    """A layer that reads sequences X (n, t, d_in) step by step.

    Returns h after the last step (n, d_out), or with `return_sequences` after every step
    (n, t, d_out). `reverse` reads from the last step to the first; outputs keep their places.
    `mask` names the real steps (see `masking`): at the others the state stays as it is, so that
    the output is repeated; with `zero_at_padding` it is 0 there.

    Weights: W (d_in, g·d_out) for the inputs, U (d_out, g·d_out) for the state, g gates side by
    side; then the biases (g·d_out,): one, or with `biases=2` one for x W and one for h U. Two are
    the same function as their sum, but an optimizer moves both: PyTorch has two, Keras one.
    `start_from` gives the first state, which is 0 otherwise; `dstart` is the gradient to it.
    """

    gates = 1
    parts = 1  # arrays of the state

    def __init__(
        self,
        d_in: int,
        d_out: int,
        *,
        return_sequences: bool = False,
        reverse: bool = False,
        biases: int = 1,
        mask: Mask | None = None,
        zero_at_padding: bool = False,
    ) -> None:
        require_positive("d_in", d_in)
        require_positive("d_out", d_out)
        if biases not in (0, 1, 2):
            raise ValueError(f"biases must be 0, 1 or 2, got {biases}")
        width = self.gates * d_out
        b = [zeros(width) for _ in range(biases)]
        super().__init__([zeros(d_in, width), zeros(d_out, width), *b])
        self.d_out, self.return_sequences, self.reverse = d_out, return_sequences, reverse
        self.mask, self.zero_at_padding = mask, zero_at_padding
        self.start: State | None = None

    def initialize(self, rng: np.random.Generator, draw: Draw = glorot_uniform) -> Self:
        """Draw W by the rule and U orthogonal; biases start at zero."""
        W, U, *biases = self.params
        W[...], U[...] = draw(rng, W.shape), orthogonal(rng, U.shape)
        for b in biases:
            b[...] = 0
        return self

    def start_from(self, *start: np.ndarray) -> None:
        """Begin at this state, (n, d_out) each part, in every `forward` from now on."""
        if len(start) != self.parts:
            raise ValueError(f"start: expected {self.parts} arrays, got {len(start)}")
        self.start = start

    def forward(self, X: np.ndarray, training: bool = False) -> np.ndarray:
        """Return h after the last step (n, d_out), or after every step (n, t, d_out)."""
        n, t, _ = X.shape
        W, _, *biases = self.params
        self.X, self.real = X, None if self.mask is None else self.mask.over(X)
        Z = X.swapaxes(0, 1) @ W
        Z = Z + biases[0] if biases else Z
        nothing = np.zeros_like(Z, shape=(n, self.d_out))
        state = (nothing,) * self.parts if self.start is None else self.start
        self.before: list[State] = [state] * t
        self.kept: list[Any] = [None] * t
        H = np.empty_like(Z, shape=(n, t, self.d_out))
        for i in self._order(t):
            self.before[i] = state
            new, self.kept[i] = self.advance(Z[i], state)
            state = new if self.real is None else self._where_real(i, new, state)
            H[:, i] = self._where_real(i, (state[0],), (nothing,))[0] if self._zeroes else state[0]
        return H if self.return_sequences else state[0]

    def backward(self, da: np.ndarray) -> np.ndarray:
        """Set the gradients and `dstart`; return dX (n, t, d_in)."""
        dZ = self._through_time(da)
        return (dZ @ self.params[0].T).swapaxes(0, 1)

    def backward_params(self, da: np.ndarray) -> None:
        """Set the gradients and `dstart`."""
        self._through_time(da)

    def advance(self, z: np.ndarray, state: State) -> tuple[State, Any]:
        """Return the next state for z = x W + b (n, g·d_out), and what its derivative needs."""
        raise NotImplementedError

    def retreat(self, i: int, d: State) -> tuple[np.ndarray, np.ndarray, State]:
        """Return dz (n, g·d_out), the gradient to h U, and to the state before, at step i.

        d are the gradients to the parts of the state after it.
        """
        raise NotImplementedError

    def dU(self, dS: np.ndarray) -> np.ndarray:
        """Return Σ_t h_{t−1}ᵀ dS_t for the gradients dS (t, n, g·d_out) to h U."""
        h = np.empty_like(dS, shape=(*dS.shape[:2], self.d_out))
        for i, (before, *_) in enumerate(self.before):
            h[i] = before
        return _over_steps(h, dS)

    def _through_time(self, da: np.ndarray) -> np.ndarray:
        """Go back through the steps; set the gradients, and return dZ (t, n, g·d_out)."""
        n, t, _ = self.X.shape
        dZ = np.empty_like(da, shape=(t, n, self.gates * self.d_out))
        dS = np.empty_like(dZ)
        nothing = np.zeros_like(da, shape=(n, self.d_out))
        d = (nothing if self.return_sequences else da, *(nothing,) * (self.parts - 1))
        for i in reversed(self._order(t)):
            if self.return_sequences:
                reached = da[:, i]
                if self._zeroes:
                    (reached,) = self._where_real(i, (reached,), (nothing,))
                d = (d[0] + reached, *d[1:])
            passed = d
            if self.real is not None:
                d = self._where_real(i, d, (nothing,) * self.parts)
            dZ[i], dS[i], before = self.retreat(i, d)
            d = before if self.real is None else self._where_real(i, before, passed)
        self.dstart = d
        self._set_gradients(dZ, dS)
        return dZ

    def _set_gradients(self, dZ: np.ndarray, dS: np.ndarray) -> None:
        dW, dU, *db = self.grads
        dW[...] = _over_steps(self.X.swapaxes(0, 1), dZ)
        dU[...] = self.dU(dS)
        for own, dz in zip(db, (dZ, dS), strict=False):
            own[...] = dz.sum(axis=(0, 1))

    def _order(self, t: int) -> list[int]:
        return list(reversed(range(t))) if self.reverse else list(range(t))

    @property
    def _zeroes(self) -> bool:
        return self.zero_at_padding and self.real is not None

    def _where_real(self, i: int, a: State, b: State) -> State:
        """Return a where step i is real, else b."""
        real = self.real[:, i : i + 1]  # type: ignore[index]
        return tuple(np.where(real, x, y) for x, y in zip(a, b, strict=True))


def _over_steps(x: np.ndarray, dz: np.ndarray) -> np.ndarray:
    """Return Σ_t x_tᵀ dz_t (d, k) of x (t, n, d) and dz (t, n, k)."""
    return (x.swapaxes(1, 2) @ dz).sum(axis=0)
