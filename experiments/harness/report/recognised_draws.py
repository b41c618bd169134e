"""From which distribution was an array of weights drawn?

A generator that remembers its draws is handed to the code that draws. An array that is a + c u for
a remembered u has the distribution of u, moved by a and scaled by c; the rules that have names are
recognised by their a and c. So the name of a rule is found, and need not be asked for.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from scratch.initializers import fans

__all__ = ["RememberingGenerator", "rule_of"]

_CLOSE = 1e-9  # of the largest weight: a + c u is rounded differently than the page's expression
_TRUNCATED = 0.8796256610342398  # deviation of a standard normal between −2 and 2


class RememberingGenerator(np.random.Generator):
    """Draws the same numbers as any generator in its place, and keeps them, standardized.

    >>> rng = RememberingGenerator(np.random.PCG64(0))
    >>> (rng.uniform(-2, 2, size=3) == np.random.default_rng(0).uniform(-2, 2, size=3)).all()
    np.True_
    >>> [(draw.kind, draw.values.size) for draw in rng.draws]
    [('uniform', 3)]
    """

    def __init__(self, bits: Any) -> None:
        super().__init__(bits)
        self.draws: list[_Draw] = []

    def random(self, *args: Any, **named: Any) -> Any:
        """Draw from U[0, 1)."""
        return self._keep("uniform", super().random(*args, **named))

    def uniform(self, low: Any = 0.0, high: Any = 1.0, size: Any = None) -> Any:
        """Draw from U[low, high)."""
        drawn = super().uniform(low, high, size)
        self._keep("uniform", (drawn - low) / (high - low))
        return drawn

    def standard_normal(self, *args: Any, **named: Any) -> Any:
        """Draw from N(0, 1)."""
        return self._keep("normal", super().standard_normal(*args, **named))

    def normal(self, loc: Any = 0.0, scale: Any = 1.0, size: Any = None) -> Any:
        """Draw from N(loc, scale²)."""
        drawn = super().normal(loc, scale, size)
        self._keep("normal", (drawn - loc) / scale)
        return drawn

    def _keep(self, kind: str, drawn: Any) -> Any:
        self.draws.append(_Draw(kind, np.asarray(drawn), np.array(drawn)))
        return drawn


@dataclass(frozen=True)
class _Draw:
    kind: str
    values: np.ndarray  # shared with who asked for them, who may have replaced some: truncation
    first: np.ndarray  # as they were drawn

    @property
    def truncated(self) -> bool:
        return not np.array_equal(self.values, self.first)


def rule_of(W: np.ndarray, rng: RememberingGenerator) -> str:
    """Return what an array was drawn from, in words.

    >>> from scratch import glorot_uniform, zeros
    >>> rng = RememberingGenerator(np.random.PCG64(0))
    >>> W = glorot_uniform(rng, (11, 6))
    >>> rule_of(W, rng), rule_of(2 * W, rng), rule_of(zeros(6), rng)
    ('Glorot uniform, ±0.594', 'uniform, ±1.19', '0')
    """
    values, counts = np.unique(W, return_counts=True)
    if len(values) == 1 and W.size > 1:
        return f"{values[0]:.3g}"
    if found := _affine(W, rng):
        return found
    if W.size == 1:
        return f"{values[0]:.3g}"
    if len(values) == 2:
        most, least = values[counts.argmax()], values[counts.argmin()]
        return f"{most:.3g}, and {least:.3g} for {counts.min():,} of {W.size:,}"
    few = W.T @ W if W.shape[0] >= W.shape[-1] else W @ W.T
    # the rounding of products of unit vectors
    if W.ndim == 2 and np.allclose(few, np.eye(len(few)), rtol=0, atol=1e-12):
        return "orthogonal"
    return f"mean {W.mean():.3g}, standard deviation {W.std():.3g}".replace("-", "−")


def _affine(W: np.ndarray, rng: RememberingGenerator) -> str:
    """Return the distribution of the draw that an array is, moved and scaled; empty for none."""
    flat = W.ravel()
    for draw in rng.draws:
        u = draw.values.ravel()
        if u.size != flat.size:
            continue
        for name, a, c in (*_known(W.shape, draw), *_line(u, flat)):
            if np.allclose(a + c * u, flat, rtol=0, atol=_CLOSE * np.abs(flat).max()):
                return _in_words(name, draw, a, c)
    return ""


def _line(u: np.ndarray, w: np.ndarray) -> Iterator[tuple[str, float, float]]:
    """Yield the a and c of w = a + c u at the two ends of u."""
    low, high = u.argmin(), u.argmax()
    if u[low] < u[high]:
        c = float((w[high] - w[low]) / (u[high] - u[low]))
        yield "", float(w[low] - c * u[low]), c


def _known(shape: tuple[int, ...], draw: _Draw) -> Iterator[tuple[str, float, float]]:
    """Yield the rules that have names, with their a and c."""
    if len(shape) < 2:
        return
    d_in, d_out = fans(shape)
    rules = {"Glorot": 2 / (d_in + d_out), "He": 2 / d_in, "LeCun": 1 / d_in}
    for name, variance in (rules | {"PyTorch’s": 1 / (3 * d_in)}).items():
        if draw.kind == "uniform":
            r = math.sqrt(3 * variance)
            yield f"{name} uniform", -r, 2 * r
        elif name in rules:
            std = math.sqrt(variance)
            yield f"{name} normal", 0.0, std / _TRUNCATED if draw.truncated else std


def _in_words(name: str, draw: _Draw, a: float, c: float) -> str:
    """Return a distribution in words; a round bound is a number that somebody chose, not a rule."""
    if draw.kind == "uniform":
        low, high = sorted((a, a + c))
        around = math.isclose(low, -high, rel_tol=_CLOSE)
        name = "" if math.isclose(high, float(f"{high:.2g}"), rel_tol=_CLOSE) else name
        ends = f"±{high:.3g}" if around else f"{low:.3g} to {high:.3g}".replace("-", "−")
        return f"{name or 'uniform'}, {ends}"
    cut = ", truncated" if draw.truncated else ""
    mean = f"mean {a:.3g}, ".replace("-", "−") if abs(a) > _CLOSE * abs(c) else ""
    std = abs(c) * (_TRUNCATED if draw.truncated else 1)
    return f"{name or 'normal'}{cut}, {mean}standard deviation {std:.3g}"
