"""What recurrent layers have in common: a state that is carried from step to step.

    s_t = x_t W + h_{t−1} U + b = [x_t h_{t−1} 1] V,  V = [W; U; b]
    state_t = f(s_t, state_{t−1}),  h_t its first part

The same W, U and b serve every step, one below the other as one matrix V. The gradient is the chain
rule backwards through the steps ("backpropagation through time"): what reaches state_t comes from
the output at t and from all later steps. The factors that do not depend on it, the derivatives of
the gates, are computed for many steps at once before the way back through these, and their part of
dV = Σ_t [x_t h_{t−1} 1]ᵀ ds_t after it: for as many as fit into the processor's cache.
Source: Werbos, "Backpropagation through time: what it does and how to do it", Proceedings of the
IEEE 78, 1990.
"""

from typing import Self

import numpy as np

from scratch.checks import require_positive
from scratch.initializers import glorot_uniform, orthogonal, zeros
from scratch.layers.layer import Draw, Layer
from scratch.layers.masking import Mask

__all__ = ["Recurrent", "State"]

State = tuple[np.ndarray, ...]  # (n, d_out) each; the first is the output h

_CACHED = 2**16  # numbers of ds that are computed together


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

    Inside, steps come first and in the order in which they are read: `read` (t + 1, n, k) holds the
    rows [x_t h_{t−1} 1], and `states` the parts of the state (t + 1, n, d_out), each from the first
    one on; h lies in `read`. V is cut into its gates (g, k, d_out), and so is s (g, n, d_out): what
    is computed of a gate lies together in memory. ds lies in rows again, `dS` (t, n, g·d_out).
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
        n, t, d_in = X.shape
        V, d = self.joined(), self.d_out
        self.real = None if self.mask is None else self._as_read(self.mask.over(X))
        self.read = np.empty_like(V, shape=(t + 1, n, V.shape[1]))
        self.read[:t, :, :d_in] = self._as_read(X).swapaxes(0, 1)
        self.read[:, :, d_in + d :] = 1
        self.states = self.read[:, :, d_in : d_in + d], *self.begin(t, n)
        for part, first in zip(self.states, self.start or (0,) * self.parts, strict=True):
            part[0] = first
        for i in range(t):
            self.advance(i, self.read[i] @ V)
            if self.real is not None:
                for part in self.states:
                    part[i + 1] = self._where_real(i, part[i + 1], part[i])
        return self._outputs() if self.return_sequences else self.states[0][t].copy()

    def backward(self, da: np.ndarray) -> np.ndarray:
        """Set the gradients and `dstart`; return dX (n, t, d_in)."""
        self.backward_params(da)
        W = self.params[0]
        return self._as_read((self.dS[:, :, : W.shape[1]] @ W.T).swapaxes(0, 1))

    def backward_params(self, da: np.ndarray) -> None:
        """Set the gradients and `dstart`."""
        t, n = len(self.read) - 1, self.read.shape[1]
        self.dS = np.empty_like(self.read, shape=(t, n, self.columns))
        together = max(_CACHED // self.dS[0].size, 1)
        nothing = np.zeros_like(da, shape=(n, self.d_out))
        d = (nothing if self.return_sequences else da, *(nothing,) * (self.parts - 1))
        dVs = []
        for start in reversed(range(0, t, together)):
            steps = slice(start, min(start + together, t))
            self.derive(steps)
            d = self._through_time(da, steps, d)
            dVs.append((self.read[steps].swapaxes(1, 2) @ self.dS[steps]).sum(axis=0))
        self.dstart = d
        self.share(sum(dVs[1:], dVs[0]))

    @property
    def columns(self) -> int:
        """The numbers of s: g·d_out."""
        return self.gates * self.d_out

    def joined(self) -> np.ndarray:
        """Return V (g, k, d_out)."""
        W, U, *biases = self.params
        d_in, d = len(W), self.d_out
        V = np.empty_like(W, shape=(self.gates, d_in + d + len(biases), d))
        rows = V.swapaxes(0, 1)
        rows[:d_in], rows[d_in : d_in + d] = (a.reshape(len(a), -1, d) for a in (W, U))
        for k, b in enumerate(biases, d_in + d):
            rows[k] = b.reshape(-1, d)
        return V

    def share(self, dV: np.ndarray) -> None:
        """Set the gradients to W, U and the biases from dV (k, g·d_out)."""
        dW, dU, *db = self.grads
        d = len(dW) + len(dU)
        dW[...], dU[...] = dV[: len(dW)], dV[len(dW) : d]
        for k, own in enumerate(db, d):
            own[...] = dV[k]

    def ds(self, i: int) -> np.ndarray:
        """Return the place of ds (g, n, d_out) of step i in `dS`."""
        rows = self.dS[i]
        return rows.reshape(len(rows), -1, self.d_out).swapaxes(0, 1)

    def begin(self, t: int, n: int) -> list[np.ndarray]:
        """Make room for what `advance` keeps of t steps of n sequences.

        Return the arrays (t + 1, n, d_out) of the state's other parts, if there are any.
        """
        return []

    def advance(self, i: int, s: np.ndarray) -> None:
        """Put the state after step i at i + 1 of `states`, for s = [x h 1] V (g, n, d_out)."""
        raise NotImplementedError

    def derive(self, steps: slice) -> None:
        """Compute the factors of the gradients that are known from `advance`, of some steps."""
        raise NotImplementedError

    def retreat(self, i: int, k: int, d: State) -> State:
        """Put ds into `ds(i)`; return the gradients to the state before step i.

        It is the k-th of those for which `derive` was called. d are the gradients to the parts of
        the state after it.
        """
        raise NotImplementedError

    def _through_time(self, da: np.ndarray, steps: slice, d: State) -> State:
        """Go back through some steps, and return the gradients to the state before them."""
        reached, nothing = None, np.zeros_like(d[0])
        if self.return_sequences:
            reached = self._as_read(da)
        for i in reversed(range(steps.start, steps.stop)):
            if reached is not None:
                at = reached[:, i]
                at = self._where_real(i, at, nothing) if self._zeroes else at
                d = (d[0] + at, *d[1:])
            if self.real is None:
                d = self.retreat(i, i - steps.start, d)
            else:
                reaching = tuple(self._where_real(i, a, nothing) for a in d)
                before = self.retreat(i, i - steps.start, reaching)
                d = tuple(self._where_real(i, a, b) for a, b in zip(before, d, strict=True))
        return d

    def _outputs(self) -> np.ndarray:
        """Return every h (n, t, d_out), at the place of its step."""
        h = self.states[0][1:].swapaxes(0, 1)
        H = np.empty_like(self.read, shape=h.shape)
        H[...] = np.where(self.real[:, :, None], h, 0) if self._zeroes else h  # type: ignore[index]
        return self._as_read(H)

    def _as_read(self, a: np.ndarray) -> np.ndarray:
        """Return a (n, t, ...) in the order of reading; or what was in it as it was before."""
        return a[:, ::-1] if self.reverse else a

    @property
    def _zeroes(self) -> bool:
        return self.zero_at_padding and self.real is not None

    def _where_real(self, i: int, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """Return a where step i is real, else b."""
        return np.where(self.real[:, i : i + 1], a, b)  # type: ignore[index]
