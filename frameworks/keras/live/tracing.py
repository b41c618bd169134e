"""The layers of a live Keras model as traces: calls in evaluation and in training mode."""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import replace

import numpy as np

from frameworks.keras.facts import layer_facts
from frameworks.keras.live.batches import Batches
from frameworks.keras.live.randomness import noise_of
from frameworks.keras.live.recording import Call
from frameworks.keras.live.weights import WeightTable
from frameworks.live.silent import SILENT
from frameworks.live.unread import Measure, with_unread
from frameworks.probe import rearranges
from frameworks.recordings.trace import NOISE, Arrays, LayerTrace

__all__ = ["trace_calls"]

_WITHIN = ".activation"  # after a layer's path: the activation within it

Key = tuple[str, bool, int]  # a leaf's path, whether it is its activation, the how-manieth call


def trace_calls(
    evaluated: Sequence[Call],
    trained: Sequence[Call],
    weights: WeightTable,
    batches: Batches,
    measure: Measure | None = None,
    always: Collection[int] = (),
) -> list[LayerTrace]:
    """Return the layers of two passes over the same rows, in the order of the first.

    What the loss does not read is noted, if it can be measured.
    `always` identifies the layers that are in training mode in evaluation, too.
    """
    in_training = dict(zip(_keys(trained), trained, strict=True))
    position = {key: k for k, key in enumerate(_keys(trained))}
    layers, calls = list[LayerTrace](), dict[int, int]()
    for key, call in zip(_keys(evaluated), evaluated, strict=True):
        inputs, output = _arrays(call, batches)
        if output is not None and output.dtype.kind == "b":
            continue  # it makes a mask, and no numbers
        again = in_training.get(key)
        training = ((), None) if again is None else _arrays(again, batches)
        layer = _trace(call, inputs, output, training, weights, always)
        if key in position:
            calls[len(layers)] = position[key]
        layers.append(layer)
    if measure is None:
        return layers
    within = {k for k, x in enumerate(layers[1:]) if x.path == f"{layers[k].path}{_WITHIN}"}
    layers = with_unread(layers, {k: at for k, at in calls.items() if k not in within}, measure)
    return [
        replace(layer, unread=layers[k + 1].unread) if k in within else layer
        for k, layer in enumerate(layers)
    ]


def _trace(
    call: Call,
    inputs: Arrays,
    output: np.ndarray | None,
    training: tuple[Arrays, np.ndarray | None],
    weights: WeightTable,
    always: Collection[int],
) -> LayerTrace:
    leaf, activation = call.leaf, call.activation
    shape = inputs[0].shape[1:] if inputs else None
    facts = layer_facts(leaf.layer if activation is None else activation, shape)
    own = activation is None
    stated = facts.kind not in NOISE and facts.values.keys() & SILENT
    noise = noise_of(leaf.layer) if own and not stated else ""
    if own and id(leaf.layer) in always:
        noise = f"{noise or type(leaf.layer).__name__}, in evaluation, too"
    if noise:
        values, said = {**facts.values, "noise": noise}, {**facts.said, "noise": noise}
        facts = replace(facts, values=values, said=said)
    return LayerTrace(
        path=leaf.path if own else f"{leaf.path}{_WITHIN}",
        facts=facts,
        weights=weights.positions(leaf) if own else (),
        states=weights.state_positions(leaf) if own else (),
        inputs=inputs,
        output=output,
        training_inputs=training[0],
        training_output=training[1],
        rearranges=not noise and _rearranges(call, facts.kind, inputs, output),
    )


def _rearranges(call: Call, kind: str, inputs: Arrays, output: np.ndarray | None) -> bool:
    if call.leaf.layout.own or output is None or len(inputs) != 1:
        return False
    return rearranges(kind, inputs[0], output)


def _keys(calls: Sequence[Call]) -> list[Key]:
    counts: Counter[tuple[str, bool]] = Counter()
    keys = []
    for call in calls:
        of = (call.leaf.path, call.activation is not None)
        keys.append((*of, counts[of]))
        counts[of] += 1
    return keys


def _arrays(call: Call, batches: Batches) -> tuple[Arrays, np.ndarray | None]:
    inputs = tuple(map(batches.canonical, call.inputs))
    return inputs, None if call.output is None else batches.canonical(call.output)
