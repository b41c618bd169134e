"""What a layer with given facts returns, by scratch's layers."""

from collections.abc import Callable, Sequence

import numpy as np

import scratch
from frameworks.live.reference.images import average, convolve, largest, transposed
from frameworks.live.reference.sequences import attention, embedding, recurrent
from frameworks.live.reference.using import Call, using
from frameworks.recordings.trace import NOISE, Arrays, Facts

__all__ = ["layer_output"]

Array = np.ndarray


def layer_output(
    facts: Facts,
    weights: Sequence[Array],
    states: Sequence[Array],
    inputs: Arrays,
    training: bool = False,
    steps: Array | None = None,
) -> Array | None:
    """Return what a layer with these facts returns; None if scratch cannot express it.

    Everything is canonical: images (n, h, w, c), sequences (n, t, d), weights in the order of
    scratch's layers. `steps` (n, t) is True where a step of a sequence is real. A recurrent layer
    whose facts do not say what it returns gives the whole sequence. Dropout in training cannot be
    expressed: it depends on what was drawn.
    """
    read = _READERS.get(facts.kind)
    if read is None or not inputs or not _supported(facts):
        return None
    call = Call(facts.values, list(weights), list(states), inputs, training, steps)
    try:
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            return read(call)
    except (ValueError, IndexError, KeyError, TypeError):  # shapes or settings that do not fit
        return None


_FORBIDDEN = (
    *("padded_with", "noise_shape", "axes", "renorm", "layers", "projected", "keeps_state"),
    *("added_key", "gate", "divisor", "counts", "bottom", "top", "largest_norm", "quantized"),
    *("input_dropout", "recurrent_dropout", "activity_penalty"),
)


def _supported(facts: Facts) -> bool:
    return not any(facts.values.get(name) is not None for name in _FORBIDDEN)


def _dense(call: Call) -> Array:
    W = call.weights[0]
    bias = len(call.weights) > 1
    return using(scratch.Dense(*W.shape, bias=bias), call.weights).forward(call.X)


def _normalized(call: Call) -> tuple[list[Array], int]:
    """Return γ and β, 1 and 0 where they are not learned, and the number of channels."""
    rest, d = list(call.weights), call.X.shape[-1]
    gamma = rest.pop(0) if call.values["scale"] else np.ones(d)
    beta = rest.pop(0) if call.values.get("shift") else np.zeros(d)
    return [gamma, beta], d


def _batch_normalization(call: Call) -> Array:
    weights, d = _normalized(call)
    which = call.values.get("statistics", "batch" if call.training else "running")
    keep, unbiased = call.values["keep"], bool(call.values["unbiased"])
    keep = keep if isinstance(keep, float) else 0.0
    # Of the running variance only: what is returned does not depend on it.
    unbiased = unbiased and call.X.size > call.X.shape[-1]
    layer = scratch.BatchNorm(
        d, momentum=keep, epsilon=call.values["epsilon"], unbiased_running_variance=unbiased
    )
    using(layer, weights)
    if call.states:
        layer.state = dict(zip(("mean", "variance"), (a.copy() for a in call.states), strict=True))
    return layer.forward(call.X, training=which == "batch")


def _layer_normalization(call: Call) -> Array:
    weights, d = _normalized(call)
    layer = scratch.LayerNorm(d, epsilon=call.values["epsilon"])
    return using(layer, weights).forward(call.X)


def _rms_normalization(call: Call) -> Array:
    weights, d = _normalized(call)
    return using(scratch.RMSNorm(d, epsilon=call.values["epsilon"]), weights[:1]).forward(call.X)


def _group_normalization(call: Call) -> Array | None:
    if call.values.get("statistics"):
        return None
    weights, d = _normalized(call)
    layer = scratch.GroupNorm(d, call.values["groups"], epsilon=call.values["epsilon"])
    return using(layer, weights).forward(call.X)


def _dropout(call: Call) -> Array | None:
    strength = call.values.get("rate") or call.values.get("stddev")
    return None if call.training and strength else call.X


def _relu(call: Call) -> Array | None:
    return None if call.values.get("threshold") else scratch.ReLU().forward(call.X)


def _leaky_relu(call: Call) -> Array | None:
    if call.values.get("threshold"):
        return None
    return scratch.LeakyReLU(call.values["slope"]).forward(call.X)


def _gelu(call: Call) -> Array:
    approximate, constant = call.values["approximate"], call.values["constant"]
    name = "cubic" if approximate else "root_half"
    return scratch.GELU(approximate=approximate, **{name: constant}).forward(call.X)


def _softmax(call: Call) -> Array:
    axis = call.values.get("axis", -1)
    moved = np.moveaxis(call.X, axis, -1)
    return np.moveaxis(scratch.softmax(moved), -1, axis)


def _log_softmax(call: Call) -> Array:
    axis = call.values.get("axis", -1)
    z = call.X - call.X.max(axis=axis, keepdims=True)
    return z - np.log(np.exp(z).sum(axis=axis, keepdims=True))


def _softplus(call: Call) -> Array | None:
    if "beta" in call.values:
        return None
    return scratch.Softplus(call.values["threshold"]).forward(call.X)


def _clamp(call: Call) -> Array | None:
    limits = [call.values.get(name) for name in ("min", "max")]
    return None if len(call.inputs) > 1 or limits == [None] * 2 else np.clip(call.X, *limits)


def _sum(call: Call) -> Array | None:
    """Return the sum of the inputs and weights, or of one and a number, as of x + 1."""
    if call.values.keys() - {"other", "precision"}:  # factors
        return None
    terms = *call.inputs[1:], *call.weights
    return np.asarray(sum(terms, call.inputs[0])) + call.values.get("other", 0)


def _product(call: Call) -> Array | None:
    """Return the product of one input and a number, as of x * 0.5."""
    one = call.values.keys() == {"other"} and len(call.inputs) == 1
    return call.X * call.values["other"] if one else None


def _plain(layer: Callable[[], scratch.Layer]) -> Callable[[Call], Array]:
    return lambda call: layer().forward(call.X)


_READERS: dict[str, Callable[[Call], Array | None]] = {
    "dense": _dense,
    "convolution": convolve,
    "transposed convolution": transposed,
    "max pooling": largest,
    "average pooling": average,
    "batch normalization": _batch_normalization,
    "layer normalization": _layer_normalization,
    "rms normalization": _rms_normalization,
    "group normalization": _group_normalization,
    **dict.fromkeys(NOISE, _dropout),
    "embedding": embedding,
    "simple rnn": recurrent,
    "lstm": recurrent,
    "gru": recurrent,
    "bidirectional": recurrent,
    "attention": attention,
    "relu": _relu,
    "leaky relu": _leaky_relu,
    "relu6": lambda call: np.clip(call.X, 0, 6),
    "sigmoid": _plain(scratch.Sigmoid),
    "tanh": _plain(scratch.Tanh),
    "softmax": _softmax,
    "log softmax": _log_softmax,
    "log sigmoid": lambda call: -scratch.Softplus().forward(-call.X),
    "gelu": _gelu,
    "silu": _plain(scratch.SiLU),
    "elu": lambda call: scratch.ELU(call.values["alpha"]).forward(call.X),
    "selu": _plain(scratch.SELU),
    "softplus": _softplus,
    "hard sigmoid": _plain(scratch.HardSigmoid),
    "hard swish": _plain(scratch.HardSwish),
    "mish": lambda call: call.X * np.tanh(scratch.Softplus().forward(call.X)),
    "softsign": lambda call: call.X / (1 + np.abs(call.X)),
    "exponential": lambda call: np.exp(call.X),
    "hard tanh": lambda call: np.clip(call.X, -1, 1),
    "clamp": _clamp,
    "sum": _sum,
    "product": _product,
    "rearrangement": lambda call: None,
}
