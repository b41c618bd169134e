"""Which layers and weights of two models correspond."""

from collections.abc import Iterator, Mapping, Sequence

from frameworks.diverge.layers import align, price
from frameworks.errors import choose
from frameworks.live.correspondence import Matching, Network, WeightPair
from frameworks.live.weight_matching import Taken, pair_rest, pair_weights
from frameworks.probe import LayerOutput
from frameworks.recordings.trace import LayerTrace

__all__ = ["match"]

Pairs = list[tuple[int, int]]

_COUNT = "0123456789_."  # at the end of a name
_OTHER_SHAPE = 1.5  # more than two layers without a counterpart cost than the same ones paired


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
        pair_weights(done, a, b, i, j, taken)
        states = zip(a.layers[i].states, b.layers[j].states, strict=False)
        done.states += [pair for pair in states if pair not in done.states]
    done.notes += [*_crossed(a, b, done.layers), *_misnamed(a, b, done)]
    pair_rest(done, a, b, taken)
    done.weights.sort(key=lambda pair: pair.a)
    paired = [{pair[side] for pair in done.layers} for side in (0, 1)]
    ours, theirs = (
        [i for i, layer in enumerate(x.layers) if i not in found and _computes(layer)]
        for x, found in zip((a, b), paired, strict=True)
    )
    done.only = ours, theirs
    return done


def _crossed(a: Network, b: Network, pairs: Pairs) -> list[str]:
    """Say of layers that run in another order that they are not paired by their equal names.

    Names that only count, as dense_1 and dense_2, say nothing.
    """
    names = {layer.path for layer in a.layers} & {layer.path for layer in b.layers}
    crossed = {
        (a.layers[i].path, b.layers[j].path)
        for i, j in pairs
        if a.layers[i].weights and {a.layers[i].path, b.layers[j].path} <= names
    }
    return [
        f"{ours} is taken to correspond to {theirs}, as they run in this order, though both sides "
        f"have a layer {ours}: mapping={{{ours!r}: {ours!r}}} pairs these"
        for ours, theirs in sorted(crossed)
        if ours.rstrip(_COUNT) != theirs.rstrip(_COUNT)
    ]


def _misnamed(a: Network, b: Network, done: Matching) -> Iterator[str]:
    """Say of weights of one layer that they correspond though each has the name of another."""
    known = {weight.name for weight in a.weights} & {weight.name for weight in b.weights}
    same = {i for i, j in done.layers if a.layers[i].path == b.layers[j].path}
    held = {k for i in same for k in a.layers[i].weights}
    for pair in done.weights:
        ours, theirs = a.weights[pair.a[0]].name, b.weights[pair.b[0]].name
        if ours != theirs and pair.a[0] in held and {ours, theirs} <= known:
            yield (
                f"{ours} is taken to correspond to {theirs}, by the layer that has it, though both "
                f"sides have a {ours}"
            )


def _given(
    a: Network, b: Network, mapping: Mapping[str, str]
) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """Return the pairs of layers and of weights that the user names."""
    layers: Pairs = []
    weights: Pairs = []
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
            [i for i, layer in enumerate(x.layers) if _computes(layer) and i not in taken]
            for x, taken in zip((a, b), ({i for i, _ in pairs}, {j for _, j in pairs}), strict=True)
        ]
        pairs += together(a, b, *left)
    return pairs


def _computes(layer: LayerTrace) -> bool:
    """Return whether a layer changes numbers, or learns from them."""
    return not layer.rearranges or bool(layer.states)


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
