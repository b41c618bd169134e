"""Backpropagation written once more, through what the layers of a network were given and returned.

    dL/dz of the outputs -> the gradient of every weight, and dL/dx of every layer

Each layer's derivative is exchanged for one with a common mistake (see `mistakes`): the mistake
that turns side a's gradients into side b's is the cause.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from frameworks.diverge.causes.activations import sigmoid, softmax
from frameworks.diverge.causes.derivatives import DERIVATIVES, Derivative, Seen
from frameworks.diverge.causes.mistakes import MISTAKES
from frameworks.diverge.evidence import Evidence
from frameworks.diverge.first_batch import First

__all__ = ["other_derivative"]

Array = np.ndarray
Gradients = dict[int, Array]  # by the position of the weight array


@dataclass(frozen=True)
class _Network:
    """Side a's layers as far as their derivatives are known, from the first of these on."""

    layers: list[Seen]
    places: list[int]  # of the layers in the network
    starts: list[int]  # the position of each layer's first weight array


def other_derivative(evidence: Evidence) -> str | None:
    """The gradients of side b follow from side a's layers with one mistake in a derivative."""
    network = _network(evidence.a)
    ours, theirs = (x.loss_and_gradients[1] for x in (evidence.a, evidence.b))
    if network is None:
        return None
    stock = [DERIVATIVES[layer.kind] for layer in network.layers]
    for dz in _of_outputs(evidence.a):
        if _follows(evidence, _run(network, dz, stock), ours):
            break
    else:
        return None
    for words, changed_dz in _mistaken(dz):
        if _follows(evidence, _run(network, changed_dz, stock), theirs):
            return f"{evidence.names[1]} {words} the gradient that the loss hands on"
    for words, mistake, group in _changes(network):

        def explains(some: list[int], mistake: Derivative = mistake) -> bool:
            changed = [mistake if i in some else own for i, own in enumerate(stock)]
            return _follows(evidence, _run(network, dz, changed), theirs)

        if explains(group):
            for i in tuple(group):  # those in which the mistake makes no difference
                rest = [k for k in group if k != i]
                group = rest if rest and explains(rest) else group
            return f"{evidence.names[1]} {words} in the backward pass of {_said(network, group)}"
    return None


def _said(network: _Network, group: list[int]) -> str:
    names = ", ".join(str(network.places[i] + 1) for i in group)
    noun = "layers" if len(group) > 1 else "layer"
    return f"{noun} {names} ({network.layers[group[0]].kind})"


def _mistaken(dz: Array) -> Iterator[tuple[str, Array]]:
    """Yield what a loss may do to dL/dz."""
    yield "rounds to float32", dz.astype(np.float32).astype(dz.dtype)
    for c in (1e-3, 1e-2, 0.1, 0.5, 1.0):
        if np.abs(dz).max() > c:
            yield f"clips at ± {c:g}", np.clip(dz, -c, c)


def _network(first: First) -> _Network | None:
    layers, start = [], 0
    for place, layer in enumerate(first.training_layers):
        W = first.opened.initial_weights[start : start + layer.weights]
        layers.append((place, start, layer, W))
        start += layer.weights
    if start != len(first.opened.initial_weights):
        return None
    known: list[tuple[int, int, Seen]] = []
    for place, start, layer, W in reversed(layers):
        if layer.kind not in DERIVATIVES or layer.inputs is None or layer.values is None:
            break
        known.append((place, start, Seen(layer.kind, layer.inputs, layer.values, W)))
    if not known:
        return None
    places, starts, found = zip(*reversed(known), strict=True)
    return _Network(list(found), list(places), list(starts))


def _of_outputs(first: First) -> Iterator[Array]:
    """Yield dL/dz of the network's outputs for the usual losses."""
    z, y, n = first.training_layers[-1].values, first.batch.y, len(first.batch.X)
    if z is None or len(z) != n:
        return
    if y.shape == z.shape:
        error, square = sigmoid(z) - y, z - y
        yield from (error / z.size, error, 2 * square / z.size, 2 * square, square)
        yield from (square / z.size, 2 * square / n, square / n)
    elif y.ndim == 1 and z.ndim == 2:
        one_hot = np.eye(z.shape[1])[y.astype(int)]
        yield (softmax(z) - one_hot) / n
        yield softmax(z) - one_hot


def _run(network: _Network, dz: Array, derivatives: Sequence[Derivative]) -> Gradients:
    """Return the gradients of the weights of all known layers."""
    found: Gradients = {}
    each = zip(network.layers, network.starts, derivatives, strict=True)
    for layer, start, derivative in reversed([*each]):
        dz, gradients = derivative(layer, dz.reshape(layer.values.shape))
        found |= {start + k: g for k, g in enumerate(gradients)}
    return found


def _follows(evidence: Evidence, found: Gradients, given: list[Array]) -> bool:
    """Return whether all computed gradients are the given ones, those that differ among them."""
    if not evidence.parted & found.keys():
        return False
    both = zip(*(x.loss_and_gradients[1] for x in (evidence.a, evidence.b)), strict=True)
    scales = [max(float(np.abs(g).max(initial=0)) for g in pair) for pair in both]
    return all(evidence.matches(g, given[i], scales[i]) for i, g in found.items())


def _changes(network: _Network) -> Iterator[tuple[str, Derivative, list[int]]]:
    """Yield every mistake, first in all layers of a kind at once, then in each of them alone."""
    kinds = [layer.kind for layer in network.layers]
    for kind in dict.fromkeys(kinds):
        where = [i for i, each in enumerate(kinds) if each == kind]
        for words, mistake in MISTAKES.get(kind, {}).items():
            for group in [where, *([i] for i in where if len(where) > 1)]:
                yield words, mistake, group
