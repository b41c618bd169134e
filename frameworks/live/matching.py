"""Which layers and weights of two models correspond."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from functools import partial

import numpy as np

from frameworks.diverge.layers import align, price
from frameworks.errors import choose
from frameworks.live.correspondence import Branches, Matching, Network, WeightPair
from frameworks.live.outlines import JOINING, Outline, outline
from frameworks.live.reads import Reads
from frameworks.live.telling import Told
from frameworks.live.weight_matching import Taken, pair_rest, pair_weights
from frameworks.recordings.trace import NOISE, LayerTrace, Weight

__all__ = ["match"]

Pairs = list[tuple[int, int]]

_COUNT = "0123456789_."  # at the end of a name
_OTHER_SHAPE = 1.5  # more than two layers without a counterpart cost than the same ones paired

# Kinds that correspond to each other only: no dropout stands for a sum.
_GROUPS = (
    NOISE,
    {"pad", "zero padding"},
    JOINING,
)


def match(
    a: Network,
    b: Network,
    mapping: Mapping[str, str] | None = None,
    reads: Reads | None = None,
    tried: Mapping[int, int] | None = None,
    keeps: bool = False,
) -> Matching:
    """Match two networks: first what `mapping` says, then by kind and order, then by shape.

    `mapping` gives the path of a layer of b, or the name of a weight of b, for one of a. Where
    neither it nor names tell, what `reads` the same numbers corresponds, and what is `tried`; if
    each side `keeps` its own weights, also what begins with equal ones.
    RequestError for names that are not there, and for layers whose weights do not fit.
    """
    done = Matching()
    by_layer, by_weight = _given(a, b, mapping or {})
    ours, theirs = _left(a, b, by_layer)
    told = Told(a, b, ours, theirs, reads, tried or {}, keeps)
    pairs = [*by_layer, *_in_order(a, b, ours, theirs, told.pairs)]
    done.layers = sorted([*pairs, *_alike(a, b, *_left(a, b, pairs))])
    sure = {*told.sure, *(i for i, _ in by_layer)}
    done.guessed = [*told.guessed, *(_siblings(a, b, done.layers, sure) if reads else ())]
    taken: Taken = {(0, i) for i, _ in by_weight} | {(1, j) for _, j in by_weight}
    done.weights = [WeightPair((i,), (j,)) for i, j in by_weight]
    for i, j in done.layers:
        pair_weights(done, a, b, i, j, taken)
        states = zip(a.layers[i].states, b.layers[j].states, strict=False)
        done.states += [pair for pair in states if pair not in done.states]
    done.notes += [*_crossed(a, b, done.layers), *_misnamed(a, b, done)]
    done.states += _lone_states(a, b, done)
    pair_rest(done, a, b, taken, reads)
    done.weights.sort(key=lambda pair: pair.a)
    ours, theirs = _left(a, b, done.layers)
    done.only = ours, theirs
    return done


def _siblings(a: Network, b: Network, pairs: Pairs, sure: Set[int]) -> Iterator[Branches]:
    """Yield layers of one input that nothing but their order pairs with such of the other side.

    The other side gives them the same in another form: padded before, or each step as a row.
    """
    known, groups = dict(pairs), [*_of_one_input(b)]
    for every in _of_one_input(a):
        own = [i for i in every if i in known and i not in sure]
        others = sorted(known[i] for i in own)
        if len(own) > 1 and any({*others} <= {*group} for group in groups):
            yield own, others


def _of_one_input(x: Network) -> Iterator[list[int]]:
    """Yield the layers of one kind and shape, of other weights, that are given one array."""
    groups: dict[tuple[Outline, tuple[int, ...]], list[int]] = {}
    for k, layer in enumerate(x.layers):
        if layer.weights:
            given = tuple(hash((z.shape, z.tobytes())) for z in layer.inputs)
            groups.setdefault((outline(x, k), given), []).append(k)
    for group in groups.values():
        if len({x.layers[k].weights for k in group}) > 1:
            yield group


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


def _lone_states(a: Network, b: Network, done: Matching) -> Pairs:
    """Pair the states that no layer has: by the weights whose parts they are, else by their names.

    The vectors of a spectral normalization belong to a weight, wherever it is used. Where neither
    tells, those of equal shape whose names end alike correspond, in order.
    """
    left = [
        [k for k in range(len(x.states)) if not any(k in layer.states for layer in x.layers)]
        for x in (a, b)
    ]
    owners = {a.weights[each.a[0]].name: b.weights[each.b[0]].name for each in done.weights}
    ways: list[Callable[[str, str], bool]] = [
        lambda owner, other: owners.get(owner) == other,
        lambda owner, other: owner == other,
        lambda owner, other: True,
    ]
    pairs: Pairs = []
    for alike in ways:
        for i in list(left[0]):
            same = [j for j in left[1] if _parts_alike(a.states[i], b.states[j], alike)]
            if same:
                pairs.append((i, same[0]))
                left[0].remove(i)
                left[1].remove(same[0])
    return pairs


def _parts_alike(x: Weight, y: Weight, alike: Callable[[str, str], bool]) -> bool:
    """Return whether two states are the same part, in one shape, of what is `alike` by its name."""
    (owner, _, part), (other, _, its) = x.name.rpartition("."), y.name.rpartition(".")
    return part == its and x.values.shape == y.values.shape and alike(owner, other)


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


def _given(a: Network, b: Network, mapping: Mapping[str, str]) -> tuple[Pairs, Pairs]:
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


def _left(a: Network, b: Network, pairs: Pairs) -> Iterator[list[int]]:
    """Yield the layers of each side that compute and that no pair has."""
    for side, x in enumerate((a, b)):
        taken = {pair[side] for pair in pairs}
        yield [i for i, layer in enumerate(x.layers) if _computes(layer) and i not in taken]


def _computes(layer: LayerTrace) -> bool:
    """Return whether a layer changes numbers, or learns from them."""
    return not layer.rearranges or bool(layer.states)


def _in_order(
    a: Network, b: Network, ours: Sequence[int], theirs: Sequence[int], told: Mapping[int, int]
) -> Pairs:
    """Align the layers in the order of running, but for those that are told apart otherwise."""
    x = [outline(a, i, told.get(i)) for i in ours]
    partners = set(told.values())
    y = [outline(b, j, j if j in partners else None) for j in theirs]
    found = dict(told)
    found.update((ours[i], theirs[j]) for i, j in align(x, y, partial(_price, _as_many(x, y))))
    return list(found.items())


def _as_many(x: Sequence[Outline], y: Sequence[Outline]) -> set[tuple[str, str]]:
    """Return the kinds and shapes of layers that learn of which both sides have as many."""
    ours, theirs = (Counter((o.kind, o.shapes) for o in some if o.weights) for some in (x, y))
    return {each for each, count in ours.items() if theirs[each] == count}


def _alike(a: Network, b: Network, ours: list[int], theirs: list[int]) -> Pairs:
    """Pair layers of equal kind and shapes that run in another order, as branches may."""
    pairs, left = [], list(theirs)
    for i in ours:
        same = [j for j in left if outline(a, i).twin_of(outline(b, j))]
        if same:
            pairs.append((i, same[0]))
            left.remove(same[0])
    return pairs


def _price(as_many: Set[tuple[str, str]], x: Outline, y: Outline) -> float:
    """Return the price of `align`: more for shapes that differ, too much for others' partners.

    So it is for a layer of which there are `as_many` on both sides, and one that is not its like.
    """
    kinds = {x.kind, y.kind}
    apart = len(kinds) == 2 and any(len(kinds & group) == 1 for group in _GROUPS)
    own, other = (x.kind, x.shapes), (y.kind, y.shapes)
    if x.partner != y.partner or apart or (own != other and {own, other} & as_many):
        return np.inf
    return price(x, y) + (_OTHER_SHAPE if x.shapes != y.shapes and x.weights else 0.0)
