"""The recurrent layers on the computational graph, unrolled step by step; as in `graph_layers`."""

import numpy as np

from scratch import (
    GRU,
    LSTM,
    Bidirectional,
    Mask,
    Node,
    SimpleRNN,
)

from .layer_case import LayerCase

SEQUENCES = (3, 4, 2)  # n, t, d
REAL = np.array([[1, 1, 1, 1], [1, 1, 0, 0], [0, 1, 0, 1]], bool)


def real():
    mask = Mask()
    mask.steps = REAL
    return mask


def unroll(step, *, parts=1, start=None, mask=None, reverse=False, sequences=False, zero=False):
    """Define a recurrent layer by the step (x, state, *params) -> state on nodes."""

    def define(x, *params):
        n, t, _ = x.shape
        width = params[1].shape[0]
        state = [Node(np.zeros((n, width)))] * parts if start is None else [Node(s) for s in start]
        outputs = [None] * t
        for i in range(t)[:: -1 if reverse else 1]:
            new = step(x[:, i], state, *params)
            k = np.ones((n, 1)) if mask is None else mask[:, i : i + 1].astype(float)
            state = [k * a + (1 - k) * b for a, b in zip(new, state, strict=True)]
            outputs[i] = k * state[0] if zero else state[0]
        return stack(outputs) if sequences else state[0]

    return define


def stack(nodes):
    """Return nodes (n, d) side by side along a new axis, (n, t, d)."""
    t = len(nodes)
    placed = [
        node.reshape((node.shape[0], 1, node.shape[1])).pad([(0, 0), (i, t - 1 - i), (0, 0)])
        for i, node in enumerate(nodes)
    ]
    return sum(placed[1:], placed[0])


def beside(a, b):
    """Return two nodes side by side along the last axis."""
    flat = [(0, 0)] * (len(a.shape) - 1)
    return a.pad([*flat, (0, b.shape[-1])]) + b.pad([*flat, (a.shape[-1], 0)])


def simple(x, state, W, U, *b):
    z = x @ W + state[0] @ U
    return [(z + sum(b[1:], b[0]) if b else z).tanh()]


def lstm(x, state, W, U, *b):
    h, c = state
    z = x @ W + h @ U
    z = z + sum(b[1:], b[0]) if b else z
    d = h.shape[1]
    i, f, g, o = (z[:, k * d : (k + 1) * d] for k in range(4))
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    return [o.sigmoid() * c.tanh(), c]


def gru(x, state, W, U, b, b_h):
    (h,) = state
    a, q, d = x @ W + b, h @ U + b_h, h.shape[1]
    z, r = (a + q)[:, :d].sigmoid(), (a + q)[:, d : 2 * d].sigmoid()
    return [z * h + (1 - z) * (a[:, 2 * d :] + r * q[:, 2 * d :]).tanh()]


def gru_reset_before(x, state, W, U, b):
    (h,), a = state, x @ W + b
    d = h.shape[1]
    z, r = (a[:, k : k + d] + h @ U[:, k : k + d] for k in (0, d))
    g = (a[:, 2 * d :] + (r.sigmoid() * h) @ U[:, 2 * d :]).tanh()
    return [z.sigmoid() * h + (1 - z.sigmoid()) * g]


def started(make, *start):
    def made():
        layer = make()
        layer.start_from(*start)
        return layer

    return made


H0, C0 = np.full((3, 3), 0.25), np.full((3, 3), -0.5)


def recurrent(make, step, parts=1):
    """Return the cases of one kind of recurrent layer."""
    case = {
        "last step": (lambda: make(), {}),
        "all steps": (lambda: make(return_sequences=True), {"sequences": True}),
        "reversed": (lambda: make(reverse=True), {"reverse": True}),
        "all, reversed": (
            lambda: make(reverse=True, return_sequences=True),
            {"reverse": True, "sequences": True},
        ),
        "masked": (lambda: make(mask=real()), {"mask": REAL}),
        "all, masked": (
            lambda: make(mask=real(), return_sequences=True),
            {"mask": REAL, "sequences": True},
        ),
        "all, masked, reversed, zero": (
            lambda: make(mask=real(), return_sequences=True, reverse=True, zero_at_padding=True),
            {"mask": REAL, "sequences": True, "reverse": True, "zero": True},
        ),
        "from a state": (started(make, *(H0, C0)[:parts]), {"start": (H0, C0)[:parts]}),
    }
    return {
        name: LayerCase(made, SEQUENCES, unroll(step, parts=parts, **options))
        for name, (made, options) in case.items()
    }


def both(x, *params):
    options = {"mask": REAL, "sequences": True}
    forwards = unroll(lstm, parts=2, **options)(x, *params[:3])
    return beside(forwards, unroll(gru, reverse=True, **options)(x, *params[3:]))


def bidirectional():
    options = {"mask": real(), "return_sequences": True}
    return Bidirectional(LSTM(2, 3, **options), GRU(2, 1, reverse=True, **options))


def last_of_both(x, *params):
    forwards = unroll(simple)(x, *params[:3])
    return beside(forwards, unroll(simple, reverse=True)(x, *params[3:]))


CASES: dict[type, dict[str, LayerCase]] = {
    SimpleRNN: {
        **recurrent(lambda **options: SimpleRNN(2, 3, **options), simple),
        "two biases": LayerCase(lambda: SimpleRNN(2, 3, biases=2), SEQUENCES, unroll(simple)),
        "no bias": LayerCase(lambda: SimpleRNN(2, 3, biases=0), SEQUENCES, unroll(simple)),
    },
    LSTM: {
        **recurrent(lambda **options: LSTM(2, 3, **options), lstm, parts=2),
        "two biases": LayerCase(lambda: LSTM(2, 3, biases=2), SEQUENCES, unroll(lstm, parts=2)),
        "no bias": LayerCase(lambda: LSTM(2, 3, biases=0), SEQUENCES, unroll(lstm, parts=2)),
        "one step": LayerCase(lambda: LSTM(2, 3), (1, 1, 2), unroll(lstm, parts=2)),
    },
    GRU: {
        **recurrent(lambda **options: GRU(2, 3, **options), gru),
        **{
            f"{name}, reset before": case
            for name, case in recurrent(
                lambda **options: GRU(2, 3, reset_after=False, **options), gru_reset_before
            ).items()
        },
    },
    Bidirectional: {
        "all, masked": LayerCase(bidirectional, SEQUENCES, both),
        "last step": LayerCase(
            lambda: Bidirectional(SimpleRNN(2, 3), SimpleRNN(2, 2, reverse=True)),
            SEQUENCES,
            last_of_both,
        ),
    },
}
