"""Which layers and weights of two models correspond."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from frameworks.diverge.layers import align, price
from frameworks.errors import RequestError, choose
from frameworks.probe import LayerOutput
from frameworks.recordings.trace import LayerTrace, Trace, Weight

__all__ = ["Matching", "Network", "WeightPair", "hand_over", "match", "place_of"]

Pairs = list[tuple[int, int]]
Taken = set[tuple[int, int]]  # side and position of the weights that are paired

_OTHER_SHAPE = 1.5  # more than two layers without a counterpart cost than the same ones paired


@dataclass(frozen=True)
class Network:
    """What is matched: the layers of a model, its weights and states."""

    name: str  # of the framework, or what the user calls this side
    layers: Sequence[LayerTrace]
    weights: Sequence[Weight]
    states: Sequence[Weight]

    @classmethod
    def of(cls, name: str, trace: Trace) -> "Network":
        """Return the network of a trace."""
        return cls(name, trace.layers, trace.weights, trace.states)


@dataclass(frozen=True)
class WeightPair:
    """Weights that correspond: one on each side, or one and the two whose sum it is."""

    a: tuple[int, ...]
    b: tuple[int, ...]


@dataclass
class Matching:
    """The positions of layers, weights and states that correspond, in the order of side a."""

    layers: list[tuple[int, int]] = field(default_factory=list)
    weights: list[WeightPair] = field(default_factory=list)
    states: list[tuple[int, int]] = field(default_factory=list)
    only: tuple[list[int], list[int]] = ((), ())  # type: ignore[assignment]  # layers of one side
    notes: list[str] = field(default_factory=list)

    @property
    def swapped(self) -> "Matching":
        """The same with the sides swapped."""
        return Matching(
            [(j, i) for i, j in self.layers],
            [WeightPair(pair.b, pair.a) for pair in self.weights],
            [(j, i) for i, j in self.states],
            self.only[::-1],  # type: ignore[arg-type]
            self.notes,
        )

    def own(self, side: int) -> "Matching":
        """Return the matching of one side with itself, pair by pair in the same order."""
        return Matching(
            [(pair[side],) * 2 for pair in self.layers],  # type: ignore[misc]
            [WeightPair(*((pair.a, pair.b)[side],) * 2) for pair in self.weights],
            [(pair[side],) * 2 for pair in self.states],  # type: ignore[misc]
            self.only,
        )


def place_of(layers: Sequence[LayerTrace], position: int) -> str:
    """Return the name of a layer: its path, or the kind of a function and what it comes after."""
    layer = layers[position]
    if layer.path:
        return layer.path
    before = next((each.path for each in reversed(layers[:position]) if each.path), "")
    return f"{layer.facts.kind} after {before}" if before else layer.facts.kind


def match(a: Network, b: Network, mapping: Mapping[str, str] | None = None) -> Matching:
    """Match two networks: first what `mapping` says, then by kind and order, then by shape.

    `mapping` gives the path of a layer of b, or the name of a weight of b, for one of a.
    RequestError for names that are not there, and for layers whose weights do not fit.
    """
    done = Matching()
    by_layer, by_weight = _given(a, b, mapping or {})
    done.layers = sorted(_pair_layers(a, b, by_layer))
    taken: Taken = {(0, i) for i, _ in by_weight} | {(1, j) for _, j in by_weight}
    done.weights = [WeightPair((i,), (j,)) for i, j in by_weight]
    for i, j in done.layers:
        _pair_weights(done, a, b, i, j, taken)
        states = zip(a.layers[i].states, b.layers[j].states, strict=False)
        done.states += [pair for pair in states if pair not in done.states]
    _pair_rest(done, a, b, taken)
    done.weights.sort(key=lambda pair: pair.a)
    paired = [{pair[side] for pair in done.layers} for side in (0, 1)]
    done.only = tuple(
        [i for i, layer in enumerate(x.layers) if i not in found and not layer.rearranges]
        for x, found in zip((a, b), paired, strict=True)
    )  # type: ignore[assignment]
    return done


def hand_over(
    done: Matching, from_a: Sequence[np.ndarray], to_b: Sequence[np.ndarray]
) -> list[np.ndarray]:
    """Return b's weights with a's in the places that correspond; the others stay."""
    found = [each.copy() for each in to_b]
    for pair in done.weights:
        total = sum(from_a[i] for i in pair.a)
        for k, j in enumerate(pair.b):
            found[j] = np.asarray(total if k == 0 else np.zeros_like(found[j]))
    return found


def _given(
    a: Network, b: Network, mapping: Mapping[str, str]
) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """Return the pairs of layers and of weights that the user names."""
    layers, weights = [], []
    paths = [_positions([layer.path for layer in x.layers]) for x in (a, b)]
    names = [_positions([weight.name for weight in x.weights]) for x in (a, b)]
    for own, other in mapping.items():
        if own in names[0] and own not in paths[0]:
            choose(f"weight of {b.name} in mapping", other, names[1])
            weights.append((names[0][own][0], names[1][other][0]))
            continue
        choose(f"layer of {a.name} in mapping", own, [p for p in paths[0] if p])
        choose(f"layer of {b.name} in mapping", other, [p for p in paths[1] if p])
        layers += zip(paths[0][own], paths[1][other], strict=False)
    return layers, weights


def _positions(names: Sequence[str]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for position, name in enumerate(names):
        found.setdefault(name, []).append(position)
    return found


def _pair_layers(a: Network, b: Network, given: Pairs) -> Pairs:
    """Return the given pairs, those in order, and what is left over and alike."""
    pairs = list(given)
    for together in (_in_order, _alike):
        left = [
            [i for i, layer in enumerate(x.layers) if not layer.rearranges and i not in taken]
            for x, taken in zip((a, b), ({i for i, _ in pairs}, {j for _, j in pairs}), strict=True)
        ]
        pairs += together(a, b, *left)
    return pairs


def _in_order(a: Network, b: Network, ours: list[int], theirs: list[int]) -> Pairs:
    """Align the layers in the order of running."""
    x, y = [_outline(a, i) for i in ours], [_outline(b, j) for j in theirs]
    return [(ours[i], theirs[j]) for i, j in align(x, y, _price)]


def _alike(a: Network, b: Network, ours: list[int], theirs: list[int]) -> Pairs:
    """Pair layers of equal kind and shapes that run in another order, as branches may."""
    pairs, left = [], list(theirs)
    for i in ours:
        own = _outline(a, i)
        same = [j for j in left if own.weights and _outline(b, j)[:2] == own[:2]]
        if same:
            pairs.append((i, same[0]))
            left.remove(same[0])
    return pairs


def _outline(network: Network, position: int) -> LayerOutput:
    """Return what a layer is aligned by: its kind, its matrices' shapes for a name, its weights."""
    layer = network.layers[position]
    shapes = [network.weights[k].values.shape for k in layer.weights]
    matrices = [shape for shape in shapes if len(shape) > 1] or shapes
    return LayerOutput(layer.facts.kind, str(matrices), None, len(shapes))


def _price(x: LayerOutput, y: LayerOutput) -> float:
    """Return the price of `align`, more for shapes that differ."""
    return price(x, y) + (_OTHER_SHAPE if x.name != y.name and x.weights else 0.0)


def _pair_weights(done: Matching, a: Network, b: Network, i: int, j: int, taken: Taken) -> None:
    """Pair the weights of two layers; RequestError if they do not fit."""
    ours = [k for k in a.layers[i].weights if (0, k) not in taken]
    theirs = [k for k in b.layers[j].weights if (1, k) not in taken]
    pairs = _with_two_biases(a, b, ours, theirs) or [
        WeightPair((k,), (m,)) for k, m in zip(ours, theirs, strict=False)
    ]
    for pair in pairs:
        x, y = a.weights[pair.a[0]], b.weights[pair.b[0]]
        if x.values.shape != y.values.shape:
            raise RequestError(
                f"{a.name}'s {place_of(a.layers, i)} and {b.name}'s {place_of(b.layers, j)} do not "
                f"fit: {x.name} is {x.values.shape}, {y.name} is {y.values.shape}; if they do not "
                "correspond, say which layers do: mapping={...}"
            )
        taken |= {(0, k) for k in pair.a} | {(1, k) for k in pair.b}
        done.weights.append(pair)
        if len(pair.a) != len(pair.b):
            both = a if len(pair.a) > 1 else b
            done.notes.append(
                f"{both.name} has two biases where the other has one: their sum is compared"
            )


def _with_two_biases(
    a: Network, b: Network, ours: list[int], theirs: list[int]
) -> list[WeightPair] | None:
    """Pair W, U and b with W, U and two biases, for every direction; None if that is not it."""
    if len(ours) > len(theirs):
        swapped = _with_two_biases(b, a, theirs, ours)
        return None if swapped is None else [WeightPair(pair.b, pair.a) for pair in swapped]
    if 4 * len(ours) != 3 * len(theirs) or len(ours) % 3:
        return None
    pairs = []
    for k in range(len(ours) // 3):
        x, y = ours[3 * k : 3 * k + 3], theirs[4 * k : 4 * k + 4]
        shapes = [b.weights[each].values.shape for each in y]
        if shapes[2] != shapes[3] or a.weights[x[2]].values.shape != shapes[2]:
            return None
        pairs += [WeightPair((x[0],), (y[0],)), WeightPair((x[1],), (y[1],))]
        pairs.append(WeightPair((x[2],), (y[2], y[3])))
    return pairs


def _pair_rest(done: Matching, a: Network, b: Network, taken: Taken) -> None:
    """Pair what no pair of layers has, in order where the shapes are equal; name what is left."""
    left = [
        [k for k, weight in enumerate(x.weights) if (side, k) not in taken]
        for side, x in enumerate((a, b))
    ]
    for i in list(left[0]):
        shape = a.weights[i].values.shape
        same = [j for j in left[1] if b.weights[j].values.shape == shape]
        if same:
            done.weights.append(WeightPair((i,), (same[0],)))
            done.notes.append(
                f"{a.weights[i].name} is taken to correspond to {b.weights[same[0]].name}, "
                "by its shape"
            )
            left[0].remove(i)
            left[1].remove(same[0])
    for x, rest in zip((a, b), left, strict=True):
        if rest:
            names = ", ".join(x.weights[k].name for k in rest)
            done.notes.append(f"only {x.name} has {names}")
