"""The layers of a live module as traces: calls in evaluation and in training mode."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from frameworks.pytorch.facts import function_facts, layer_facts
from frameworks.pytorch.live_weights import LiveWeights
from frameworks.pytorch.orientation import Orientation
from frameworks.pytorch.orienting import Orienter
from frameworks.pytorch.watching import Call, Watched
from frameworks.recordings.trace import Arrays, Facts, LayerTrace

__all__ = ["trace_calls"]

_INVISIBLE = {"size", "dim", "item", "tolist", "numel", "is_floating_point"}


def trace_calls(evaluated: Watched, trained: Watched, weights: LiveWeights) -> list[LayerTrace]:
    """Return the layers of two passes over the same rows; raises nothing if they run others."""
    orienters = Orienter(evaluated), Orienter(trained)
    same = [_name(c) for c in evaluated.calls] == [_name(c) for c in trained.calls]
    layers = []
    for position, call in enumerate(evaluated.calls):
        inputs, output = _arrays(call, orienters[0], position)
        training: tuple[Arrays, np.ndarray | None] = ((), None)
        if same:
            training = _arrays(trained.calls[position], orienters[1], position)
        known = position < len(weights.of_call)
        facts = _facts(call, inputs)
        layers.append(
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
            )
        )
    return layers


def _name(call: Call) -> tuple[str, str]:
    return call.path, call.name


def _arrays(call: Call, orienter: Orienter, position: int) -> tuple[Arrays, np.ndarray | None]:
    """Return canonical copies of a call's inputs, and of its output if it was one array."""
    pairs = zip(call.inputs, orienter.before(position), strict=True)
    inputs = tuple(_canonical(x, orientation) for x, orientation in pairs)
    recurrent = isinstance(call.module, nn.RNNBase | nn.MultiheadAttention)
    if call.output is None or (call.several and not recurrent):
        return inputs, None
    return inputs, _canonical(call.output, orienter.after(position))


def _canonical(x: torch.Tensor, orientation: Orientation) -> np.ndarray:
    return orientation.to_canonical(x.numpy())


def _facts(call: Call, inputs: Arrays) -> Facts:
    shape = inputs[0].shape[1:] if inputs else None
    if call.module is None:
        return function_facts(call.name, _keywords(call), shape)
    return layer_facts(call.module, shape)


def _keywords(call: Call) -> dict[str, Any]:
    """Return a function's arguments that have names."""
    return {name: value for name, value in call.arguments.items() if not name.isdigit()}


def _rearranges(call: Call, facts: Facts, inputs: Arrays, output: np.ndarray | None) -> bool:
    """Return whether a call without weights returns the numbers of its only input."""
    if facts.kind == "rearrangement":
        return True
    if output is None or len(inputs) != 1 or call.parameters or facts.kind != call.name:
        return False
    return _same_numbers(inputs[0], output)


def _same_numbers(a: np.ndarray, b: np.ndarray) -> bool:
    return a.size == b.size and np.array_equal(np.sort(a, axis=None), np.sort(b, axis=None))
