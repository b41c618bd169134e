"""Traces made by hand: of one layer, one loss or some steps, as two frameworks would leave them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from frameworks.diverge.differences import Difference, difference
from frameworks.live.correspondence import Matching, WeightPair
from frameworks.live.pairs import Compared, Pair
from frameworks.live.proofs import Proof, prove
from frameworks.recordings.trace import Facts, LayerTrace, StepTrace, Trace, Weight

__all__ = [
    "both_ways",
    "forward_proof",
    "layer_trace",
    "loss_proof",
    "pair_of",
    "steps_proof",
    "steps_trace",
    "trace",
]

Arrays = Sequence[np.ndarray]


def trace(framework: str = "keras", **parts: Any) -> Trace:
    """Return a trace of nothing, but for the given parts."""
    empty: dict[str, Any] = {
        "framework": framework,
        "dtype": "float64",
        "versions": {},
        "layers": [],
        "weights": [],
        "states": [],
        "loss": Facts("mean squared error", {"reduction": "mean"}, {"reduction": "mean"}),
        "optimizer": [Facts("sgd", {"learning_rate": 0.5}, {"learning_rate": "lr=0.5"})],
        "schedule": None,
        "outputs": (),
        "first_loss": 0.0,
        "shorter_loss": 0.0,
        "gradients": [],
        "steps": [],
        "final_weights": [],
        "final_states": [],
        "final_outputs": (),
        "inputs": (),
        "targets": (),
        "digests": {},
    }
    return Trace(**{**empty, **parts})


def layer_trace(
    framework: str,
    facts: Facts,
    inputs: Arrays,
    output: np.ndarray,
    weights: Arrays = (),
    states: Arrays = (),
    training: bool = False,
) -> Trace:
    """Return the trace of one layer, "here", whose outputs in both modes are the same."""
    layer = LayerTrace(
        "here",
        facts,
        tuple(range(len(weights))),
        tuple(range(len(states))),
        tuple(inputs),
        output,
        tuple(inputs),
        output,
    )
    return trace(
        framework,
        layers=[layer],
        weights=[Weight(f"here.{k}", w) for k, w in enumerate(weights)],
        states=[Weight(f"here.{k}", s, trainable=False) for k, s in enumerate(states)],
        gradients=[np.ones_like(w) for w in weights],
    )


def pair_of(a: Trace, b: Trace, weights: Sequence[WeightPair] | None = None) -> Pair:
    """Return two traces whose layers, weights and states correspond in order."""
    count = min(len(a.weights), len(b.weights))
    matching = Matching(
        [(k, k) for k in range(min(len(a.layers), len(b.layers)))],
        [WeightPair((k,), (k,)) for k in range(count)] if weights is None else list(weights),
        [(k, k) for k in range(min(len(a.states), len(b.states)))],
    )
    return Pair(a, b, (a.framework, b.framework), matching)


def both_ways(pair: Pair, level: str, found: Compared) -> Proof:
    """Prove with the sides in both orders; the sentences must be the same."""
    turned = found.layers[1], found.layers[0]
    back = None if found.weights is None else WeightPair(found.weights.b, found.weights.a)
    other = replace(found, layers=turned, weights=back, found=found.found.swapped)
    first, second = prove(pair, level, found), prove(pair.swapped, level, other)
    said, again = ([c.sentence for c in proof.causes] for proof in (first, second))
    assert said == again
    assert first.odd == second.odd
    return first


def forward_proof(a: Trace, b: Trace, training: bool = False) -> Proof:
    """Prove why the one layer of two traces differs."""
    x, y = a.layers[-1].output, b.layers[-1].output
    assert x is not None
    assert y is not None
    where = "here (layer)" + (", in training mode" if training else "")
    found = difference(where, x, y, 1e-12)
    place = len(a.layers) - 1, len(b.layers) - 1
    return both_ways(pair_of(a, b), "forward", Compared("here", found, place))


def loss_proof(a: Trace, b: Trace) -> Proof:
    """Prove why the losses of two traces differ."""
    found = difference("the loss", a.first_loss, b.first_loss, 1e-12)
    return both_ways(pair_of(a, b), "loss", Compared("loss", found))


def steps_trace(
    framework: str,
    optimizer: Sequence[Facts],
    start: Arrays,
    gradients: Sequence[Arrays],
    taken: Sequence[Arrays],
    **parts: Any,
) -> Trace:
    """Return the trace of some steps from given gradients."""
    names = parts.pop("names", [f"w{k}" for k in range(len(start))])
    groups = parts.pop("groups", [0] * len(start))
    weights = [
        Weight(name, w, group=group) for name, w, group in zip(names, start, groups, strict=True)
    ]
    steps = [StepTrace(1.0, list(g), list(w)) for g, w in zip(gradients, taken, strict=True)]
    return trace(
        framework,
        optimizer=list(optimizer),
        weights=weights,
        gradients=list(gradients[0]),
        steps=steps,
        final_weights=list(taken[-1]),
        **parts,
    )


def steps_proof(a: Trace, b: Trace, weights: Sequence[WeightPair] | None = None) -> Proof:
    """Prove why the steps of two traces differ."""
    found = Difference("w0", 1.0, 1e-12, (), ("", ""))
    return both_ways(pair_of(a, b, weights), "step", Compared("w0", found))


def with_values(facts: Facts, **values: Any) -> Facts:
    """Return facts with other values, said as they are."""
    said: Mapping[str, str] = {name: f"{name}={value!r}" for name, value in values.items()}
    return Facts(facts.kind, {**facts.values, **values}, {**facts.said, **said})
