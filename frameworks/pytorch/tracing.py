"""The layers of a live module as traces: calls in evaluation and in training mode."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import takewhile
from typing import Any

import numpy as np
import torch
from torch import nn

from frameworks.live.unread import Measure, with_unread
from frameworks.probe import rearranges
from frameworks.pytorch.calls import Call, Watched, array_of
from frameworks.pytorch.facts import function_facts, layer_facts
from frameworks.pytorch.live_weights import LiveWeights
from frameworks.pytorch.orientation import Orientation
from frameworks.pytorch.orienting import Orienter
from frameworks.recordings.trace import Arrays, Facts, LayerTrace

__all__ = ["trace_calls"]

_PACKING = {"_pack_padded_sequence", "_pad_packed_sequence", "pack_padded_sequence"}
_MASKING = {"triu", "tril"}  # which of the steps each one sees, where no parameter is given
_SELECTING = {"__getitem__", "chunk", "split", "unbind", "select", "narrow", "index_select"}


def trace_calls(
    evaluated: Watched, trained: Watched, weights: LiveWeights, measure: Measure | None = None
) -> list[LayerTrace]:
    """Return the layers of two passes over the same rows, in the order of the first.

    What runs in training mode alone is left out, but for dropout. What the loss does not read is
    noted, if it can be measured.
    """
    orienters = Orienter(evaluated), Orienter(trained)
    in_training = _in_training(evaluated, trained)
    layers, calls = list[LayerTrace](), dict[int, int]()
    for position, call in enumerate(evaluated.calls):
        if call.name in _PACKING or _counts(call):
            continue
        if call.name in _MASKING and not call.parameters:
            continue
        inputs, output = _arrays(call, orienters[0], position)
        training: tuple[Arrays, np.ndarray | None] = ((), None)
        at = in_training.get(position)
        if at is not None:
            training = _arrays(trained.calls[at], orienters[1], at)
        known = position < len(weights.of_call)
        facts = _rounding(_precision(_facts(call, inputs), call), call)
        facts = _along(facts, call, orienters[0].before(position))
        facts = _in_training_mode(facts, None if at is None else trained.calls[at], inputs)
        layers += _apart(
            LayerTrace(
                path=call.path,
                facts=facts,
                weights=weights.of_call[position] if known else (),
                states=weights.states_of_call[position] if known else (),
                inputs=inputs,
                output=output,
                training_inputs=training[0],
                training_output=training[1],
                rearranges=_rearranges(call, facts, inputs, output),
            ),
            getattr(call.module, "num_layers", 1) if isinstance(call.module, nn.RNNBase) else 1,
        )
        if at is not None:
            calls[len(layers) - 1] = at
    if measure is not None:
        layers = with_unread(layers, calls, partial(_canonically, measure, orienters[1]))
    return [*layers, *_noise_of_training(evaluated, trained)]


def _canonically(
    measure: Measure, orienter: Orienter, added: Mapping[int, np.ndarray]
) -> tuple[float, dict[int, np.ndarray]]:
    """Return what is measured where canonical arrays are added, as canonical arrays."""
    own = {at: orienter.after(at).from_canonical(a) for at, a in added.items()}
    loss, gradients = measure(own)
    every = gradients.items()
    return loss, {at: orienter.after(at).to_canonical(g) if g.ndim else g for at, g in every}


def _in_training(evaluated: Watched, trained: Watched) -> dict[int, int]:
    """Return the position in training mode of each call in evaluation that runs there, too.

    Modules are known by their paths; functions, from one module to the next, by their order from
    the front and from the back: what training alone runs, as a drop of whole paths, is between.
    """
    ours, theirs = ([_name(call) for call in each.calls] for each in (evaluated, trained))
    found, last = dict[int, int](), (-1, -1)
    for i, call in enumerate([*evaluated.calls, None]):
        if call is None:
            at = len(theirs)
        elif call.module is None or ours[i] not in theirs[last[1] + 1 :]:
            continue
        else:
            at = found[i] = theirs.index(ours[i], last[1] + 1)
        between = range(last[0] + 1, i), range(last[1] + 1, at)
        front = list(takewhile(lambda k: ours[k[0]] == theirs[k[1]], zip(*between, strict=False)))
        back = zip(*(reversed(each[len(front) :]) for each in between), strict=False)
        found.update([*front, *takewhile(lambda k: ours[k[0]] == theirs[k[1]], back)])
        last = i, at
    return found


def _noise_of_training(evaluated: Watched, trained: Watched) -> list[LayerTrace]:
    """Return the dropout that is called in training mode alone, with its numbers there."""
    left, found = Counter(map(_name, evaluated.calls)), []
    for position, call in enumerate(trained.calls):
        left[_name(call)] -= 1
        inputs, output = _arrays(call, Orienter(trained), position)
        facts = _facts(call, inputs)
        if left[_name(call)] < 0 and "rate" in facts.values:
            found.append(
                LayerTrace(call.path, facts, training_inputs=inputs, training_output=output)
            )
    return found


def _apart(whole: LayerTrace, count: int) -> list[LayerTrace]:
    """Return the layers of a recurrent module of several; what passes between them is not seen."""
    if count == 1:
        return [whole]
    facts = replace(
        whole.facts, values={k: v for k, v in whole.facts.values.items() if k != "layers"}
    )
    each = len(whole.weights) // count
    parts = [
        LayerTrace(f"{whole.path}.l{k}", facts, whole.weights[k * each : (k + 1) * each])
        for k in range(count)
    ]
    parts[0] = replace(parts[0], inputs=whole.inputs, training_inputs=whole.training_inputs)
    output, training = whole.output, whole.training_output
    parts[-1] = replace(parts[-1], output=output, training_output=training, unread=whole.unread)
    return parts


def _name(call: Call) -> tuple[str, str]:
    return call.path, call.name


def _arrays(call: Call, orienter: Orienter, position: int) -> tuple[Arrays, np.ndarray | None]:
    """Return canonical copies of a call's inputs, and of its output if it was one array."""
    pairs = zip(call.inputs, orienter.before(position), strict=True)
    inputs = tuple(_canonical(x, orientation) for x, orientation in pairs if not call.packed)
    recurrent = isinstance(call.module, nn.RNNBase | nn.RNNCellBase | nn.MultiheadAttention)
    if call.output is None or (call.several and not recurrent):
        return inputs, None
    return inputs, _canonical(call.output, orienter.after(position))


def _canonical(x: torch.Tensor, orientation: Orientation) -> np.ndarray:
    return orientation.to_canonical(array_of(x))


def _counts(call: Call) -> bool:
    """Return whether a function makes masks, lengths or positions, and no numbers."""
    made = call.output
    return call.module is None and made is not None and not made.is_floating_point()


def _facts(call: Call, inputs: Arrays) -> Facts:
    shape = inputs[0].shape[1:] if inputs else None
    if call.module is None:
        shapes = [tuple(t.shape) for t in (*call.inputs[1:], *call.parameters)]
        return function_facts(call.name, _keywords(call), shape, shapes)
    return layer_facts(call.module, shape)


def _in_training_mode(facts: Facts, trained: Call | None, inputs: Arrays) -> Facts:
    """Return the facts of noise with the rate that it has in training, as with `if training`."""
    if "rate" not in facts.values or trained is None:
        return facts
    there = _facts(trained, inputs)
    values = {**facts.values, "rate": there.values["rate"]}
    return replace(facts, values=values, said={**facts.said, "rate": there.said["rate"]})


def _precision(facts: Facts, call: Call) -> Facts:
    """Return a layer's facts with the dtypes in which it computes and holds its parameters."""
    inside = () if call.module is None else call.module.parameters()
    held = next(iter((*call.parameters, *inside)), None)
    if held is None:
        return facts
    dtype = str(getattr(held, "stated_dtype", held.dtype)).removeprefix("torch.")
    words = f"dtype={dtype}" + (f" in autocast to {call.autocast}" if call.autocast else "")
    values = {**facts.values, "precision": (call.autocast or dtype, dtype)}
    return replace(facts, values=values, said={**facts.said, "precision": words})


def _along(facts: Facts, call: Call, given: Sequence[Orientation]) -> Facts:
    """Return the facts of a softmax with the canonical axis along which it is taken."""
    dim = call.arguments.get("dim") if call.module is None else getattr(call.module, "dim", None)
    if "axis" not in facts.values or not isinstance(dim, int) or not given:
        return facts
    ndim = call.inputs[0].ndim
    axes = given[0].axes if len(given[0].axes) == ndim else tuple(range(ndim))
    axis = axes.index(dim % ndim)
    return replace(facts, values={**facts.values, "axis": -1 if axis == ndim - 1 else axis})


def _rounding(facts: Facts, call: Call) -> Facts:
    """Return the facts of a cast, if a call that otherwise returns its input rounds it."""
    if facts.kind != "rearrangement" or call.output is None or len(call.inputs) != 1:
        return facts
    (x,), z = call.inputs, call.output
    if x.dtype == z.dtype or x.shape != z.shape or torch.equal(x, z.to(x.dtype)):
        return facts
    dtype = str(z.dtype).removeprefix("torch.")
    return Facts(f"cast to {dtype}")


def _keywords(call: Call) -> dict[str, Any]:
    """Return a function's arguments that have names."""
    return {name: value for name, value in call.arguments.items() if not name.isdigit()}


def _rearranges(call: Call, facts: Facts, inputs: Arrays, output: np.ndarray | None) -> bool:
    """Return whether a call without weights returns numbers of its only input, all or some."""
    if facts.kind == "rearrangement" or call.name in _SELECTING:
        return True
    if output is None or len(inputs) != 1 or call.parameters:
        return False
    return rearranges(facts.kind, inputs[0], output)
