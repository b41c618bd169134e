"""Which of several layers that are alike correspond: by what they read, or by their names."""

import re
from collections import Counter
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from frameworks.live.correspondence import Network

__all__ = ["CELL", "JOINING", "Outline", "only_pairs", "outline", "role_of", "told_apart"]

CELL = " cell"  # what the kind of a cell ends in: a "gru cell" takes the steps of a "gru"
JOINING = {"sum", "difference", "product", "concatenation", "stack"}  # of any number of arrays


class Outline(NamedTuple):
    """What a layer is aligned by."""

    kind: str
    weights: int  # their number
    shapes: str  # of its matrices, or else of all its weights
    partner: int | None  # the layer of b, if that is known

    def twin_of(self, other: "Outline") -> bool:
        """Return whether both have weights, and equal kinds and shapes of them."""
        return self.weights > 0 and (self.kind, self.shapes) == (other.kind, other.shapes)


def outline(network: Network, position: int, partner: int | None = None) -> Outline:
    """Return the outline of the layer at a position, with its partner if that is known."""
    layer = network.layers[position]
    shapes = [network.weights[k].values.shape for k in layer.weights]
    matrices = [shape for shape in shapes if len(shape) > 1] or shapes
    return Outline(layer.facts.kind.removesuffix(CELL), len(shapes), str(matrices), partner)


def told_apart(a: Network, b: Network, ours: list[int], theirs: list[int]) -> dict[int, int]:
    """Return which of several layers of equal kind and shapes correspond for sure.

    One that is given the same array as one of the other side alone, before any weights are shared,
    as the embeddings of several inputs are; or one of equal name, if each of these layers has such
    a counterpart on the other side, or is one; or queries, keys and values, if both sides name as
    many of each.
    """
    alike: dict[tuple[str, str], tuple[list[int], list[int]]] = {}
    for side, (x, some) in enumerate(((a, ours), (b, theirs))):
        for k in some:
            kind, weights, shapes, _ = outline(x, k)
            if weights:
                alike.setdefault((kind, shapes), ([], []))[side].append(k)
    found: dict[int, int] = {}
    for own, others in alike.values():
        if len(own) > 1:
            by_name = _by_names(a, own, b, others) or _by_roles(a, own, b, others)
            fed = _fed_alike(a, own, b, others)
            found |= {k: j for k, j in by_name.items() if j not in fed.values()} | fed
    return found


def _by_roles(a: Network, own: list[int], b: Network, others: list[int]) -> dict[int, int]:
    """Return which layers of queries, keys and values correspond, each kind in its order."""
    ours, theirs = ([(role_of(x.layers[k].path), k) for k in some]
                    for x, some in ((a, own), (b, others)))  # fmt: skip
    if Counter(role for role, _ in ours) != Counter(role for role, _ in theirs):
        return {}
    pairs = zip(sorted(ours), sorted(theirs), strict=True)
    return {k: j for (role, k), (_, j) in pairs if role}


def only_pairs(
    own: list[int], others: list[int], alike: Callable[[int, int], bool]
) -> dict[int, int]:
    """Return the pairs of which each part is like the other, and like nothing else."""
    pairs = [(k, j) for k in own for j in others if alike(k, j)]
    ours, theirs = [k for k, _ in pairs], [j for _, j in pairs]
    return {k: j for k, j in pairs if ours.count(k) == theirs.count(j) == 1}


def _fed_alike(a: Network, own: list[int], b: Network, others: list[int]) -> dict[int, int]:
    """Return the pairs of layers that are given one array each, of the same numbers.

    None that a layer has computed: two models that begin from one seed may have equal weights, and
    so equal numbers, in layers that do not correspond.
    """
    ours, theirs = ({k: _read(x, k) for k in some} for x, some in ((a, own), (b, others)))
    alike = only_pairs(own, others, lambda k, j: ours[k] == theirs[j] is not None)
    if not alike:
        return {}
    given = _given(a), _given(b)
    return {k: j for k, j in alike.items() if k in given[0] and j in given[1]}


def _given(network: Network) -> set[int]:
    """Return the positions of the layers that read what no layer that learns has had a part in."""
    found, learned = set[int](), set[int]()
    for k, layer in enumerate(network.layers):
        is_given = not any(_digest(x) in learned for x in layer.inputs)
        if is_given:
            found.add(k)
        if is_given and not layer.weights:
            continue
        if layer.output is None:  # of several parts, which are not known
            break
        learned.add(_digest(layer.output))
    return found


def _read(network: Network, position: int) -> int | None:
    """Return a digest of the numbers that a layer is given, in whatever type, if in one array."""
    inputs = network.layers[position].inputs
    if len(inputs) != 1:
        return None
    return _digest(inputs[0])


def _digest(array: np.ndarray) -> int:
    x = array if array.dtype.kind == "c" else array.astype(float)
    return hash((x.shape, (x + 0.0).tobytes()))  # −0.0 is equal to 0.0, in other bytes


def _by_names(a: Network, own: list[int], b: Network, others: list[int]) -> dict[int, int]:
    """Return the layers of one name, call by call; none if others on both sides have none."""
    ours, theirs = dict[str | int, list[int]](), dict[str | int, list[int]]()
    for x, some, found in ((a, own, ours), (b, others, theirs)):
        for k in some:
            found.setdefault(_plain(x.layers[k].path) or k, []).append(k)
    common = [name for name in ours if name in theirs and isinstance(name, str)]
    if len(common) < min(len(ours), len(theirs)):
        return {}
    return dict(pair for name in common for pair in zip(ours[name], theirs[name], strict=False))


def _plain(path: str) -> str:
    """Return a name without what joins its parts, as f0 of f.0; "" if it says nothing.

    Names that Keras has numbered, as dense_4, do not.
    """
    return "" if re.search(r"_[0-9]+$", path) else re.sub("[./]", "", path)


_ROLES = {
    **dict.fromkeys(("q", "wq", "query", "queries"), "queries"),
    **dict.fromkeys(("k", "wk", "key", "keys"), "keys"),
    **dict.fromkeys(("v", "wv", "value", "values"), "values"),
}


def role_of(name: str) -> str:
    """Return what attention takes a weight for, by its name or its layer's; "" if that is not said.

    >>> role_of("att.queries_kernel"), role_of("block.q_proj.kernel"), role_of("fc.kernel")
    ('queries', 'queries', '')
    >>> role_of("cross.k2.kernel")
    'keys'
    """
    words = (word.rstrip("0123456789") for word in re.split(r"[._/]", name.lower()))
    return next((_ROLES[word] for word in words if word in _ROLES), "")
