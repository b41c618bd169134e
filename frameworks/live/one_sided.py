"""What one of two traces does not hold, and which is therefore not compared: said, not passed over.

Layers and weights without a counterpart are said where they are matched.
"""

import math
from collections.abc import Iterator

from frameworks.console import counted
from frameworks.live.pairs import Pair, averages
from frameworks.recordings.trace import Trace

__all__ = ["one_sided"]

_ROUNDED = 1e-6  # relative: no more than float32 rounds


def one_sided(pair: Pair) -> Iterator[str]:
    """Yield a sentence on each precision, step, output and scale that only one side has."""
    a, b = pair.names
    if pair.a.dtype != pair.b.dtype:
        yield f"{a} computed in {pair.a.dtype}, {b} in {pair.b.dtype}: compare two of one precision"
    held = [_steps_held(trace) for trace in (pair.a, pair.b)]
    if held[0] != held[1]:
        both = min(held)
        first = f"steps 1 to {both}" if both > 1 else "step 1"
        which = f"{first} alone" if both else "no step"
        yield (
            f"the gradients and weights of {which} are compared: {a} holds those of "
            f"{counted(held[0], 'step')}, {b} of {held[1]}"
        )
    yield from _lone_outputs(pair)
    yield from _lone_averages(pair)
    yield from _lone_scales(pair)


def _lone_scales(pair: Pair) -> Iterator[str]:
    """Name the scales that a layer of attention rounds, and what the other side writes out."""
    sides = zip(pair.names, (pair.a, pair.b), pair.matching.only, strict=True)
    for name, trace, positions in sides:
        for layer in (trace.layers[k] for k in positions):
            scale, size = (layer.facts.values.get(x) for x in ("attention_scale", "key_size"))
            if isinstance(scale, float) and isinstance(size, int) and size > 0:
                exact = 1 / math.sqrt(size)
                if 0 < abs(scale - exact) < _ROUNDED * exact:
                    yield (
                        f"{layer.path} of {name} multiplies scores by 1/√{size} as float32 has it, "
                        f"{scale!r}: what computes them itself agrees with that number, not with "
                        f"{exact!r}"
                    )


def _lone_averages(pair: Pair) -> Iterator[str]:
    """Name the averages of the weights, and other arrays kept beside a model, of one side alone."""
    paired = [id(each) for both in averages(pair) for each in both]
    for name, trace in zip(pair.names, (pair.a, pair.b), strict=True):
        averaged = [each for each in trace.kept if each.average and each.moved]
        lone = [each.name for each in averaged if id(each) not in paired]
        if lone:
            yield (
                f"{name} keeps averages of its weights in {', '.join(lone)}, which are not "
                "compared: the other side keeps none of that name"
            )


def _lone_outputs(pair: Pair) -> Iterator[str]:
    counts = len(pair.a.outputs), len(pair.b.outputs)
    if counts[0] == counts[1]:
        return
    a, b = pair.names
    if 0 in counts:
        yield f"the outputs are not compared: {(a, b)[counts[1] == 0]} does not hold them"
        return
    said = f"{a} has {counted(counts[0], 'output')}, {b} {counts[1]}"
    yield f"{said}: what only one of them has is not compared"


def _steps_held(trace: Trace) -> int:
    """Return of how many steps, from the first, a trace holds the gradients and the weights."""
    held = 0
    for step in trace.steps:
        if step.gradients is None or step.weights is None:
            break
        held += 1
    return held
