"""A restricted Boltzmann machine as formulas, and the lines that are often written wrong.

    P(h = 1 | v) = σ(v W + c),  P(v = 1 | h) = σ(h Wᵀ + b)

A step lowers the energy at the rows and raises it at what the machine dreams: reconstructions
(contrastive divergence: Hinton, Neural Computation 14, 2002), or the next states of chains that it
keeps (Tieleman, ICML 2008).
"""

from dataclasses import dataclass

import numpy as np

from frameworks.diverge.causes.activations import sigmoid

__all__ = ["MISTAKES", "Machine"]

Array = np.ndarray


@dataclass(frozen=True)
class Machine:
    """A machine with what one step is given: rows v (n, d), uniform numbers, the chains' states."""

    W: Array
    c: Array
    b: Array
    v: Array
    uniform_h: Array  # (m, k) for m chains, or rows
    uniform_v: Array | None = None  # (m, d)
    chains: Array | None = None  # (m, k); None: every step begins at the rows

    def hidden(self, v: Array) -> Array:
        """Return P(h = 1 | v)."""
        return sigmoid(v @ self.W + self.c)

    def logits(self, h: Array) -> Array:
        """Return the logits of P(v = 1 | h)."""
        return h @ self.W.T + self.b

    def visible(self, h: Array) -> Array:
        """Return P(v = 1 | h)."""
        return sigmoid(self.logits(h))

    def positive(self, h: Array) -> Array:
        """Return the hidden units of the positive phase, of their probabilities."""
        return h

    def begun(self) -> Array:
        """Return the hidden units from which the machine dreams."""
        if self.chains is not None:
            return self.chains
        return self.uniform_h < self.hidden(self.v)

    def dreamt(self, p: Array) -> Array:
        """Return the visible units of the negative phase, of their probabilities."""
        return p if self.uniform_v is None else self.uniform_v < p

    def negative(self, dreams: Array) -> Array:
        """Return the hidden units of the negative phase."""
        return self.hidden(dreams)

    def divisor(self, dreams: Array) -> int:
        """Return by what the sums of the negative phase are divided."""
        return len(self.v)

    def kept(self, h: Array) -> Array:
        """Return what the chains keep of the hidden units' probabilities at the end."""
        return self.uniform_h < h

    def step(self) -> tuple[list[Array], Array]:
        """Return the gradients of W, c and b, and the states of the chains after the step."""
        h = self.positive(self.hidden(self.v))
        dreams = self.dreamt(self.visible(self.begun())).astype(float)
        again, n, m = self.negative(dreams), len(self.v), self.divisor(dreams)
        gradients = [
            dreams.T @ again / m - self.v.T @ h / n,
            again.sum(axis=0) / m - h.sum(axis=0) / n,
            dreams.sum(axis=0) / m - self.v.sum(axis=0) / n,
        ]
        return gradients, self.kept(again).astype(float)


class _States(Machine):
    def positive(self, h: Array) -> Array:
        return np.rint(h)


class _Sampled(Machine):
    def positive(self, h: Array) -> Array:
        return self.uniform_h[: len(h)] < h


class _Improbable(Machine):
    def dreamt(self, p: Array) -> Array:
        return p if self.uniform_v is None else self.uniform_v > p


class _Probabilities(Machine):
    def begun(self) -> Array:
        return self.hidden(self.v) if self.chains is None else self.chains


class _Logits(Machine):
    def visible(self, h: Array) -> Array:
        return self.logits(h)


class _Rounded(Machine):
    def dreamt(self, p: Array) -> Array:
        return np.rint(p)


class _Same(Machine):
    def negative(self, dreams: Array) -> Array:
        return self.hidden(self.v if len(self.v) == len(dreams) else dreams)


class _Means(Machine):
    def divisor(self, dreams: Array) -> int:
        return len(dreams)


class _FromRows(Machine):
    def begun(self) -> Array:
        if self.chains is None:
            return super().begun()
        m = len(self.chains)
        return self.hidden(np.resize(self.v, (m, self.v.shape[1])))


class _Unbiased(Machine):
    def logits(self, h: Array) -> Array:
        return h @ self.W.T


class _Still(Machine):
    def kept(self, h: Array) -> Array:
        return self.begun()


class _Unsampled(Machine):
    def kept(self, h: Array) -> Array:
        return h


MISTAKES: dict[str, type[Machine]] = {
    "takes rounded hidden units for probabilities in the positive phase": _States,
    "takes sampled hidden units for probabilities in the positive phase": _Sampled,
    "samples a visible unit as 1 where u > p, not where u < p": _Improbable,
    "reconstructs from the hidden units' probabilities, not from sampled states": _Probabilities,
    "takes logits for the probabilities of the visible units": _Logits,
    "rounds the visible units that it reconstructs": _Rounded,
    "takes the hidden units of the positive phase in the negative phase, too": _Same,
    "divides the negative phase by the number of chains, not by that of rows": _Means,
    "begins its chains at the rows in every step": _FromRows,
    "dreams without the biases of the visible units": _Unbiased,
    "never moves its chains": _Still,
    "keeps probabilities in its chains, not sampled states": _Unsampled,
}
