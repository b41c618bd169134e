"""What a layer could be instead of what it says: common mistakes, each as a computation."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from frameworks.live.proofs.layer_side import LayerSide
from frameworks.recordings.trace import Facts

__all__ = ["Variant", "variants"]

Array = np.ndarray
Output = Callable[[LayerSide, Facts], Array | None]


@dataclass(frozen=True)
class Variant:
    """A mistake, and what the layer would return with it.

    Variants of one family say the same in other numbers; if two families explain a side, neither
    is named.
    """

    says: str  # with {odd} for the side's name
    family: str
    output: Output


def variants(facts: Facts) -> Iterator[Variant]:
    """Yield what a layer that should have these facts could be."""
    yield from _of_settings(facts)
    yield from _BY_KIND.get(facts.kind, ())
    if facts.kind in _ACTIVATIONS:
        yield from (each for kind, each in _AS_ACTIVATION.items() if kind != facts.kind)
    nothing = "drops nothing" if facts.kind == "dropout" else "returns its input unchanged"
    yield _function(f"{{odd}} {nothing}", "nothing", lambda x: x)


def _of_settings(facts: Facts) -> Iterator[Variant]:
    """Yield the layer with another value of a setting than it states."""
    for name, choices in _OTHERS.items():
        if name not in facts.values:
            continue
        for value in choices:
            if value != facts.values[name]:
                words = f"{{odd}} does not use {facts.said[name]}, but {_WORDS[name]} {value}"
                yield Variant(words, f"{name} {value}", _with(name, value))


def _with(name: str, value: Any) -> Output:
    return lambda side, facts: side.computed(replace(facts, values={**facts.values, name: value}))


_OTHERS: dict[str, tuple[Any, ...]] = {
    "epsilon": (1e-3, 1e-5, 1e-6, 1e-7, 1e-8, 1e-12, 0.0),
    "approximate": (False, True),
    "slope": (0.01, 0.1, 0.2, 0.3, 0.0),
    "alpha": (1.0,),
    "axis": (0, 1),
    "reset_after": (True, False),
}
_WORDS = {
    "epsilon": "an ε of",
    "approximate": "an approximation by tanh:",
    "slope": "a slope of",
    "alpha": "an α of",
    "axis": "the axis",
    "reset_after": "reset_after",
}


def _function(says: str, family: str, f: Callable[[Array], Array]) -> Variant:
    return Variant(says, family, lambda side, facts: f(side.inputs[0]))


def _statistics(which: str) -> Variant:
    says = f"{{odd}} normalizes with the {which} statistics"
    return Variant(says, f"statistics {which}", _with("statistics", which))


def _scaled(says: str, factor: Callable[[Facts], float]) -> Variant:
    def output(side: LayerSide, facts: Facts) -> Array | None:
        scale = facts.values["attention_scale"]
        assert isinstance(scale, float)
        changed = {**facts.values, "attention_scale": scale * factor(facts)}
        return side.computed(replace(facts, values=changed))

    return Variant(says, says, output)


def _key_size(facts: Facts) -> float:
    size = facts.values["key_size"]
    assert isinstance(size, int)
    return float(size)


def _weighted(says: str, family: str, change: Callable[[list[Array]], list[Array]]) -> Variant:
    """Return the layer with other weights than its own."""

    def output(side: LayerSide, facts: Facts) -> Array | None:
        try:
            weights = [np.ascontiguousarray(w) for w in change(side.weights)]
        except (ValueError, IndexError):
            return None
        return side.computed(facts, weights=weights)

    return Variant(says, family, output)


def _kernel(says: str, family: str, change: Callable[[Array], Array]) -> Variant:
    return _weighted(f"{{odd}} {says}", family, lambda weights: [change(weights[0]), *weights[1:]])


def _bias(says: str, factor: float) -> Variant:
    return _weighted(f"{{odd}} {says}", says, lambda weights: [weights[0], factor * weights[1]])


def _without_mask(side: LayerSide, facts: Facts) -> Array | None:
    return None if side.steps is None else side.computed(facts, steps=np.ones_like(side.steps))


def _inverted_mask(side: LayerSide, facts: Facts) -> Array | None:
    return None if side.steps is None else side.computed(facts, steps=~side.steps)


def _time_first(side: LayerSide, facts: Facts) -> Array | None:
    z = side.computed(facts, inputs=tuple(x.swapaxes(0, 1) for x in side.inputs))
    return None if z is None else z.swapaxes(0, 1)


_RECURRENT = (
    Variant("{odd} reads the sequences backwards", "reverse", _with("reverse", True)),
    Variant("{odd} takes rows for steps, (t, n, d) for (n, t, d),", "time first", _time_first),
    Variant("{odd} reads padding, too,", "no mask", _without_mask),
    Variant("{odd} reads the padding and skips the rest", "inverted mask", _inverted_mask),
)


def _dropping(side: LayerSide, facts: Facts) -> Array | None:
    """Return what is left in evaluation mode of the mask that training mode has."""
    layer = side.layer
    if side.training or len(layer.training_inputs) != 1 or layer.training_output is None:
        return None
    x = layer.training_inputs[0]
    mask = np.divide(layer.training_output, x, out=np.zeros_like(x), where=x != 0)
    return side.inputs[0] * mask


def _unscaled(side: LayerSide, facts: Facts) -> Array | None:
    """Return what is kept as it is, if anything is dropped."""
    kept = side.computed(replace(facts, values={**facts.values, "rate": 0.0}))
    return None if kept is None or np.array_equal(kept, side.inputs[0]) else kept


def _turned(W: Array) -> Array:
    return np.flip(W, tuple(range(W.ndim - 2)))


_LINEAR = (_bias("leaves out the bias", 0.0), _bias("adds the bias twice", 2.0))
_BY_KIND: dict[str, tuple[Variant, ...]] = {
    "dense": (*_LINEAR, _kernel("uses the kernel transposed", "transposed", np.transpose)),
    "convolution": (
        *_LINEAR,
        _kernel("turns the kernel by 180°", "turned", _turned),
        _kernel("exchanges the kernel's height and width", "sides", lambda W: W.swapaxes(0, 1)),
        _kernel("reverses the kernel's input channels", "inputs", lambda W: W[..., ::-1, :]),
        _kernel("reverses the kernel's output channels", "outputs", lambda W: W[..., ::-1]),
    ),
    "batch normalization": (_statistics("running"), _statistics("batch")),
    "dropout": (
        Variant("{odd} does not divide what it keeps by 1 − rate", "scale", _unscaled),
        Variant("{odd} drops in evaluation mode, too,", "evaluation", _dropping),
    ),
    "attention": (
        _scaled("{odd} does not divide the scores by √d", lambda facts: _key_size(facts) ** 0.5),
        Variant("{odd} lets no step attend to later ones", "causal", _with("causal", True)),
        _scaled(
            "{odd} divides the scores by d, not by √d,", lambda facts: _key_size(facts) ** -0.5
        ),
        Variant("{odd} attends to padding, too,", "no mask", _without_mask),
        Variant("{odd} attends to the padding alone", "inverted mask", _inverted_mask),
    ),
    **dict.fromkeys(("simple rnn", "lstm", "gru"), _RECURRENT),
    "bidirectional": _RECURRENT[1:],
}


def _activation(kind: str, values: dict[str, Any] | None = None) -> Variant:
    says = f"{{odd}} computes a {kind}"

    return Variant(says, kind, lambda side, facts: side.computed(Facts(kind, values or {})))


_AS_ACTIVATION: dict[str, Variant] = {
    **{kind: _activation(kind) for kind in ("relu", "sigmoid", "tanh", "silu", "relu6")},
    "softmax": _activation("softmax", {"axis": -1}),
    "elu": _activation("elu", {"alpha": 1.0}),
}
_ACTIVATIONS = (*_AS_ACTIVATION, "gelu", "leaky relu", "softplus", "selu", "hard sigmoid")
