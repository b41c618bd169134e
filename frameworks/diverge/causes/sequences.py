"""Why a layer of sequences may return something else: its formula, written with common mistakes."""

from collections.abc import Callable, Iterator
from functools import partial
from itertools import permutations

import numpy as np

from frameworks.diverge.causes.activations import sigmoid
from frameworks.diverge.causes.layer import input_of, kind_of, weights_of
from frameworks.diverge.evidence import Evidence

__all__ = ["other_direction", "other_embedding", "other_recurrence", "real_steps"]

Array = np.ndarray
Way = tuple[str, Array]
Cell = Callable[..., tuple[Array, ...]]


def real_steps(evidence: Evidence) -> Array | None:
    """Return which steps (n, t) of rows of words are real, and not padding, which is 0."""
    X = evidence.a.batch.X
    words = X.ndim == 2 and np.array_equal(X, np.round(X)) and X.min(initial=0) >= 0
    return X != 0 if words and (X == 0).any() else None


def other_recurrence(evidence: Evidence) -> str | None:
    """The states by another order of gates, with other biases, in reverse, over padding, ..."""
    kind, weights = kind_of(evidence), weights_of(evidence)
    if kind not in _CELLS or len(weights) not in (2, 3, 4):
        return None
    x = input_of(evidence)
    if x.ndim != 3 or x.shape[2] != weights[0].shape[0]:
        return None
    ours, theirs = (_recurrence(evidence, kind, x, weights, y) for y in evidence.pair)
    return evidence.both("has", ours, theirs)


def _recurrence(
    evidence: Evidence, kind: str, x: Array, weights: list[Array], y: Array
) -> str | None:
    for words, states in _states(kind, x, weights, real_steps(evidence)):
        n, t, d = states.shape
        for found in (states, states[:, -1], states[:, 0]):
            if found.shape == y.shape and evidence.matches(found, y):
                return words
    return None


def other_direction(evidence: Evidence) -> str | None:
    """Two directions, of which the second reads forwards, or both read in reverse."""
    weights, x = weights_of(evidence), input_of(evidence)
    if kind_of(evidence) != "bidirectional" or len(weights) % 2 or x.ndim != 3:
        return None
    half = len(weights) // 2
    gates = {4: "lstm", 3: "gru", 1: "simple rnn"}[weights[1].shape[1] // weights[1].shape[0]]
    runs = [
        _run(_CELLS[gates][0], steps, W, U, *(b + [np.zeros(W.shape[1])] * 2)[:2])
        for W, U, *b in (weights[:half], weights[half:])
        for steps in (x, x[:, ::-1])
    ]
    ways = {
        "its second direction read in reverse": (runs[0], runs[3]),
        "its second direction read forwards": (runs[0], runs[2]),
        "its first direction read in reverse": (runs[1], runs[3]),
        "its directions confused": (runs[1], runs[2]),
    }

    def identified(y: Array) -> str | None:
        for words, (first, second) in ways.items():
            last = np.hstack([first[:, -1], second[:, -1]])
            steps = np.concatenate([first, second[:, ::-1]], axis=2)
            if any(a.shape == y.shape and evidence.matches(a, y) for a in (last, steps)):
                return words
        return None

    return evidence.both("has", *map(identified, evidence.pair))


def _states(kind: str, x: Array, weights: list[Array], real: Array | None) -> Iterator[Way]:
    """Yield every step's state (n, t, d), as it should be and with each mistake."""
    cell, gates = _CELLS[kind]
    W, U, *b = weights
    none = np.zeros(W.shape[1])
    first, second = (b + [none, none])[:2]
    name = _NAMES[kind]
    if real is not None:
        words = f"the steps of {name}, without the padding"
        yield words, _run(cell, x, W, U, first, second, real)
        swapped = _run(cell, x, W, U, first, second, ~real)
        yield "padding read for words, and words for padding", swapped
    words = f"the steps of {name}" + (", padding and all" if real is not None else "")
    yield words, _run(cell, x, W, U, first, second)
    back = _run(cell, x[:, ::-1], W, U, first, second)[:, ::-1]
    yield "its steps read in reverse", back
    yield "no bias", _run(cell, x, W, U, none, none, real)
    yield "its first bias only", _run(cell, x, W, U, first, none, real)
    yield "its bias twice", _run(cell, x, W, U, first, first + second, real)
    yield "its recurrent kernel transposed", _transposed(cell, x, W, U, first, second, real)
    for words, other in _VARIANTS.get(kind, {}).items():
        yield words, _run(other, x, W, U, first, second, real)
    if kind == "lstm":
        forget = np.repeat([0.0, 1, 0, 0], U.shape[0])
        yield "1 added to the forget gate's bias", _run(cell, x, W, U, first + forget, second, real)
    for order in permutations(range(len(gates))):
        W_, U_, b_, c_ = (_reordered(a, order) for a in (W, U, first, second))
        words = f"its gates in the order {', '.join(gates[i] for i in order)}"
        yield words, _run(cell, x, W_, U_, b_, c_, real)


def _reordered(a: Array, order: tuple[int, ...]) -> Array:
    parts = np.split(a, len(order), axis=-1)
    return np.concatenate([parts[i] for i in order], axis=-1)


def _transposed(
    cell: Cell, x: Array, W: Array, U: Array, b: Array, c: Array, real: Array | None
) -> Array:
    parts = np.split(U, U.shape[1] // U.shape[0], axis=1)
    return _run(cell, x, W, np.concatenate([p.T for p in parts], axis=1), b, c, real)


def _run(
    cell: Cell, x: Array, W: Array, U: Array, b: Array, c: Array, real: Array | None = None
) -> Array:
    """Return the states (n, t, d); where a step is not real, the state stays."""
    state: tuple[Array, ...] = (np.zeros((len(x), U.shape[0])),) * 2
    states = np.empty((*x.shape[:2], U.shape[0]))
    for t in range(x.shape[1]):
        new = cell(x[:, t] @ W + b, state, U, c)
        if real is not None:
            new = tuple(np.where(real[:, t, None], p, q) for p, q in zip(new, state, strict=True))
        state, states[:, t] = new, new[0]
    return states


def _lstm(
    z: Array, state: tuple[Array, ...], U: Array, c: Array, gate: Callable[..., Array] = sigmoid
) -> tuple[Array, ...]:
    i, f, g, o = np.split(z + state[0] @ U + c, 4, axis=1)
    cell = gate(f) * state[1] + gate(i) * np.tanh(g)
    return gate(o) * np.tanh(cell), cell


def _relu(z: Array) -> Array:
    return np.maximum(z, 0)


def _hard(z: Array) -> Array:
    return np.clip(z / 6 + 0.5, 0, 1)


def _gru(
    z: Array, state: tuple[Array, ...], U: Array, c: Array, after: bool = True, swap: bool = False
) -> tuple[Array, ...]:
    h, d = state[0], U.shape[0]
    q = h @ U + c
    keep, reset = (sigmoid(z[:, k * d : (k + 1) * d] + q[:, k * d : (k + 1) * d]) for k in (0, 1))
    inner = reset * q[:, 2 * d :] if after else (reset * h) @ U[:, 2 * d :] + c[2 * d :]
    new = np.tanh(z[:, 2 * d :] + inner)
    keep = 1 - keep if swap else keep
    h = keep * h + (1 - keep) * new
    return h, h


def _simple(
    z: Array, state: tuple[Array, ...], U: Array, c: Array, f: Callable[..., Array] = np.tanh
) -> tuple[Array, ...]:
    h = f(z + state[0] @ U + c)
    return h, h


_CELLS: dict[str, tuple[Cell, str]] = {
    "lstm": (_lstm, "ifgo"),
    "gru": (_gru, "zrg"),
    "simple rnn": (_simple, "h"),
}
_NAMES = {"lstm": "an LSTM", "gru": "a GRU", "simple rnn": "a simple RNN"}
_VARIANTS: dict[str, dict[str, Cell]] = {
    "lstm": {"hard sigmoids for its gates": partial(_lstm, gate=_hard)},
    "gru": {
        "its reset before the product": partial(_gru, after=False),
        "1 − z where z should be": partial(_gru, swap=True),
    },
    "simple rnn": {"a ReLU for its tanh": partial(_simple, f=_relu)},
}


def other_embedding(evidence: Evidence) -> str | None:
    """The vectors of other words, or none for the padding."""
    if kind_of(evidence) != "embedding" or not weights_of(evidence):
        return None
    words, (V,) = input_of(evidence).astype(int), weights_of(evidence)
    ways = {
        "the vector of every word": V[words],
        "zeros for the padding": V[words] * (words != 0)[..., None],
        "the vector of the next word": V[(words + 1) % len(V)],
        "the vector of the word before": V[words - 1],
        "each vector divided by its norm": (V / np.linalg.norm(V, axis=1, keepdims=True))[words],
        "each vector times √d": V[words] * V.shape[1] ** 0.5,
    }
    found = (
        next((w for w, v in ways.items() if v.shape == y.shape and evidence.matches(v, y)), None)
        for y in evidence.pair
    )
    return evidence.both("returns", *found)
