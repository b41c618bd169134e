"""Which weights of two models correspond, and how one side starts from the other's."""

import re
from collections.abc import Iterable, Sequence
from os.path import commonprefix

import numpy as np

from frameworks.errors import RequestError
from frameworks.live.correspondence import Matching, Network, WeightPair, place_of
from frameworks.live.outlines import role_of
from frameworks.live.reads import Reads
from frameworks.recordings.trace import Weight

__all__ = ["Taken", "copied", "hand_over", "pair_rest", "pair_weights"]

# Of a framework's layers, as both call them.
_PARTS = {"kernel", "recurrent_kernel", "bias", "recurrent_bias", "gamma", "beta"}

# What is asked of weights that no pair of layers has, one passing after the other.
_OF_ONE_ROLE, _READ_ALIKE, _OF_ONE_PART, _OF_ONE_SHAPE = "role", "read", "part", "shape"

Taken = set[tuple[int, int]]  # side and position of the weights that are paired


def pair_weights(done: Matching, a: Network, b: Network, i: int, j: int, taken: Taken) -> None:
    """Pair the weights of two layers; RequestError if they do not fit."""
    ours = [k for k in a.layers[i].weights if (0, k) not in taken]
    theirs = [k for k in b.layers[j].weights if (1, k) not in taken]
    pairs = _with_two_biases(a, b, ours, theirs) or [
        WeightPair((k,), (m,)) for k, m in _one_by_one(a, b, ours, theirs)
    ]
    for pair in pairs:
        x, y = a.weights[pair.a[0]], b.weights[pair.b[0]]
        fits = _fit(x, y)
        if not fits and len(ours) != len(theirs):
            break  # parts of layers, which are matched by their shapes
        if not fits:
            raise RequestError(
                f"{a.name}'s {place_of(a.layers, i)} and {b.name}'s {place_of(b.layers, j)} do not "
                f"fit: {x.name} is {x.values.shape}, {y.name} is {y.values.shape}; if they do not "
                f"correspond, say which layers do: mapping={{...}}{_packed([x], [y])}"
            )
        taken |= {(0, k) for k in pair.a} | {(1, k) for k in pair.b}
        done.weights.append(pair)
        if len(pair.a) != len(pair.b):
            done.notes.append(_two_biases(a if len(pair.a) > 1 else b))


def _packed(ours: Sequence[Weight], theirs: Sequence[Weight]) -> str:
    """Say what to do if a kernel is several side by side; "" if none may be."""
    for x, y in ((x, y) for x in ours for y in theirs):
        narrow, wide = sorted((x, y), key=lambda each: each.values.size)
        (*rows, fewer), (*others, columns) = narrow.values.shape or (0,), wide.values.shape or (0,)
        if rows == others and rows and columns in (2 * fewer, 3 * fewer, 4 * fewer):
            return (
                f"; if {wide.name} holds {columns // fewer} kernels like {narrow.name} side by "
                "side, as of queries, keys and values, use one layer on both sides, or that many: "
                "they are not taken apart"
            )
    return ""


def _one_by_one(
    a: Network, b: Network, ours: list[int], theirs: list[int]
) -> Iterable[tuple[int, int]]:
    """Pair the weights of two layers: in order, unless they fit in one way or a part is lacking.

    A function may be given its bias before its kernel; a normalization may have but a bias.
    """
    if len(ours) == len(theirs):
        return zip(ours, _in_order_of(a, b, ours, theirs), strict=True)
    mine, other = ({_split(x.weights[k])[1]: k for k in each}
                   for x, each in ((a, ours), (b, theirs)))  # fmt: skip
    named = (len(mine), len(other)) == (len(ours), len(theirs)) and {*mine, *other} <= _PARTS
    if not named:
        return zip(ours, theirs, strict=False)
    return [(k, other[part]) for part, k in mine.items() if part in other]


def _in_order_of(a: Network, b: Network, ours: list[int], theirs: list[int]) -> list[int]:
    """Return b's weights of a layer in the order of a's, if all fit in one way; or as they are."""
    fitting = [[m for m in theirs if _fit(a.weights[k], b.weights[m])] for k in ours]
    only = [each[0] for each in fitting if len(each) == 1]
    return only if len({*only}) == len(theirs) else theirs


def _fit(x: Weight, y: Weight) -> bool:
    """Return whether the numbers of two weights have the same places.

    Their shapes are equal but for ones, as of a kernel (1, ..., c, m) and a kernel (c, m), or they
    are kernels (k, ..., 1, c m) and (k, ..., c, m), which treat channels alone.
    """
    one, other = x.values.shape, y.values.shape
    if [k for k in one if k != 1] == [k for k in other if k != 1]:
        return True
    alike = len(one) == len(other) > 2 and one[:-2] == other[:-2]
    return alike and 1 in (one[-2], other[-2]) and x.values.size == y.values.size


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


def pair_rest(
    done: Matching, a: Network, b: Network, taken: Taken, reads: Reads | None = None
) -> None:
    """Pair what no pair of layers has, in order where the shapes are equal; name what is left.

    A separable convolution may stand beside two: depthwise kernels of either shape are equal. What
    is named as queries, keys or values goes with its like before, whichever of them runs first;
    then what multiplies the same numbers, and what is the same part of a layer, as its bias. Of
    several, what has a name like its layer's others goes before.
    """
    left = [
        [k for k, weight in enumerate(x.weights) if (side, k) not in taken]
        for side, x in enumerate((a, b))
    ]
    example = ""
    for passing in (_OF_ONE_ROLE, _READ_ALIKE, _OF_ONE_PART, _OF_ONE_SHAPE):
        for i in list(left[0]):
            same = [j for j in left[1] if _may_stand_for(passing, a, i, b, j, reads)]
            beside = _partners_beside(done, a, b, i)
            ranks = {
                j: (
                    b.weights[j].values.shape != a.weights[i].values.shape,
                    all(_split(b.weights[j])[0] != _split(each)[0] for each in beside),
                    not _read_alike(reads, a, i, b, j),
                    -_in_common(b.weights[j], beside),
                )
                for j in same
            }
            same.sort(key=lambda j: ranks[j])
            if same:
                ours, theirs = a.weights[i].name, b.weights[same[0]].name
                tied = len(same) > 1 and ranks[same[0]][1:] == ranks[same[1]][1:]
                if tied and any(i in layer.weights for layer in a.layers):
                    example = example or f"{ours!r}: {theirs!r}"
                done.weights.append(WeightPair((i,), (same[0],)))
                how = "name" if passing == _OF_ONE_ROLE else "shape"
                done.notes.append(f"{ours} is taken to correspond to {theirs}, by its {how}")
                left[0].remove(i)
                left[1].remove(same[0])
    _join_biases(done, (a, b), left)
    done.by_order = bool(example)
    if example:
        done.notes.append(
            "weights of equal shapes are taken to correspond in the order in which they run: where "
            "they do not, that alone makes the two differ, and "
            f"mapping={{{example}, ...}}, with other names, says which ones do"
        )
    if all(any(x.weights[k].trainable for k in rest) for x, rest in zip((a, b), left, strict=True)):
        done.notes.append(
            "each side has weights without a counterpart, which keep their own numbers: that alone "
            "may make the two differ"
            + _packed([a.weights[k] for k in left[0]], [b.weights[k] for k in left[1]])
        )
    for side, (x, rest) in enumerate(zip((a, b), left, strict=True)):
        paired = {pair[side] for pair in done.states}
        lone = [x.weights[k] for k in rest]
        lone += [state for k, state in enumerate(x.states) if k not in paired]
        if lone:
            done.notes.append(f"only {x.name} has {', '.join(each.name for each in lone)}")


def _join_biases(done: Matching, networks: tuple[Network, Network], left: list[list[int]]) -> None:
    """Pair one bias of a recurrent layer with both of the other side's, of which one is left."""
    for k, pair in enumerate(done.weights):
        both = [pair.a, pair.b]
        for side, x in enumerate(networks):
            place, part = _split(x.weights[both[side][0]])
            seconds = [m for m in left[side] if _split(x.weights[m]) == (place, "recurrent_bias")]
            if part == "bias" and len(both[0]) == len(both[1]) == len(seconds) == 1:
                both[side] += (seconds[0],)
                left[side].remove(seconds[0])
                done.weights[k] = WeightPair(*both)
                done.notes.append(_two_biases(x))


def _two_biases(one: Network) -> str:
    return f"{one.name} has two biases where the other has one: their sum is compared"


def _partners_beside(done: Matching, a: Network, b: Network, i: int) -> list[Weight]:
    """Return what the other weights at a weight's place, or else of its layers, correspond to.

    To the bias of attention's values their kernel is nearer than that of the queries, and so is the
    third part of packed kernels to the third of biases.
    """
    place, stem, number = _split(a.weights[i])[0], _stem(a.weights[i]), _number(a.weights[i])
    at_stem = {k for k, each in enumerate(a.weights) if _stem(each) == stem}
    at_place = {k for k, each in enumerate(a.weights) if _split(each)[0] == place}
    of_number = {k for k in at_place if number and _number(a.weights[k]) == number}
    beside = {k for layer in a.layers if i in layer.weights for k in layer.weights}
    for some in (at_stem, of_number, at_place, beside):
        if found := [b.weights[pair.b[0]] for pair in done.weights if pair.a[0] in some]:
            return found
    return []


def _split(weight: Weight) -> tuple[str, str]:
    """Return where a weight is, and what part it is there: gru.reverse, and bias."""
    place, _, part = weight.name.rpartition(".")
    return place, part


def _stem(weight: Weight) -> str:
    """Return the name without what it ends in: attention.values of attention.values_bias."""
    return re.sub(r"[._](kernel|bias)$", "", weight.name)


def _number(weight: Weight) -> str:
    """Return which part of a packed weight this is: [1] of in_proj_bias[1]; "" if it is whole."""
    found = re.search(r"\[\d+\]$", weight.name)
    return found[0] if found else ""


def _in_common(weight: Weight, others: Sequence[Weight]) -> int:
    """Return how many letters a name begins with that one of the others begins with."""
    return max((len(commonprefix([weight.name, each.name])) for each in others), default=0)


def _read_alike(reads: Reads | None, a: Network, i: int, b: Network, j: int) -> bool:
    """Return whether layers that have two weights are given the same numbers."""
    ours, theirs = ([k for k, layer in enumerate(x.layers) if weight in layer.weights]
                    for x, weight in ((a, i), (b, j)))  # fmt: skip
    return reads is not None and any(reads.same(k, m) for k in ours for m in theirs)


def _multiplies(weight: Weight) -> bool:
    """Return whether a weight multiplies what its layer is given, as a kernel."""
    return weight.values.ndim > 1 and not _split(weight)[1].startswith("recurrent")


def _may_stand_for(
    passing: str, a: Network, i: int, b: Network, j: int, reads: Reads | None
) -> bool:
    """Return whether two weights have one shape, and what else one passing asks for."""
    x, y = a.weights[i], b.weights[j]
    if not _fit(x, y) or passing == _OF_ONE_SHAPE:
        return _fit(x, y)
    if passing == _OF_ONE_ROLE:
        return role_of(x.name) == role_of(y.name) != ""
    parts = {_split(x)[1], _split(y)[1]}
    of_one_part = len(parts) == 1 or not parts <= _PARTS
    if passing == _OF_ONE_PART or not of_one_part:
        return of_one_part
    return _multiplies(x) and _read_alike(reads, a, i, b, j)


def hand_over(
    done: Matching, from_a: Sequence[np.ndarray], to_b: Sequence[np.ndarray]
) -> list[np.ndarray]:
    """Return b's weights with a's in the places that correspond; the others stay."""
    found = [each.copy() for each in to_b]
    for pair in done.weights:
        total = sum(from_a[i] for i in pair.a)
        for k, j in enumerate(pair.b):
            own = np.reshape(total, found[j].shape) if k == 0 else np.zeros_like(found[j])
            found[j] = own
    return found


def copied(
    pairs: Sequence[tuple[int, int]], source: Sequence[np.ndarray], target: Sequence[np.ndarray]
) -> list[np.ndarray]:
    """Return the target's states with the source's in the places that correspond."""
    found = list(target)
    for i, j in pairs:
        found[j] = source[i]
    return found
