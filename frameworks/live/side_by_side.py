"""Which layers hold several side by side, as of queries, keys and values, to be compared as these.

One dense layer (d, 3 d) computes what three (d, d) do. Where the other side has the three, the one
is taken apart: its columns, and what it returns, are those of three layers. So is a convolution.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, product

import numpy as np

from frameworks.live.correspondence import Network
from frameworks.live.parts import Parts
from frameworks.recordings.trace import LayerTrace

__all__ = ["parts_of"]

Shape = tuple[int, ...]

_KINDS = ("dense", "convolution", "matrix product", "addmm")
_COUNTS = (2, 3, 4)  # of equal parts: a gate, queries with keys and values, the gates of a cell
_MOST = 4  # shapes of kernels that take the same, and ways for each
_SPLIT = "split"  # the kind of what returns several arrays


def parts_of(a: Network, b: Network, named: Collection[str] = ()) -> tuple[Parts, Parts]:
    """Return which weights of two networks the other has apart, but for those of `named` layers.

    Known by the numbers of kernels: what one has more of, side by side, is all that the other has
    more of. Where both have some together, as queries with keys and values beside keys with values,
    all are taken apart.
    """
    found = _parts_of(a, b, named), _parts_of(b, a, named)
    if any(parts.columns for parts in found):
        return found
    return _in_units(a, b, named), _in_units(b, a, named)


@dataclass(frozen=True)
class _Way:
    """Kernels of one shape, and the widths of the parts in which they may be compared."""

    kernels: tuple[int, ...]
    rows: Shape
    widths: tuple[int, ...]

    @property
    def used(self) -> Counter[Shape]:
        """The shapes that the parts have, counted."""
        return Counter({(*self.rows, each): len(self.kernels) * self.widths.count(each)
                        for each in self.widths})  # fmt: skip


def _parts_of(x: Network, other: Network, named: Collection[str]) -> Parts:
    own, others = _shapes(x), _shapes(other)
    more, by_rows = others - own, dict[Shape, list[list[_Way]]]()
    for shape, count in (own - others).items():
        kernels = _wholes(x, shape, count, others[shape], named)
        if ways := [*islice(_ways(kernels, shape, more), _MOST)]:
            by_rows.setdefault(shape[:-1], []).append(ways)
    return Parts(
        {
            position: columns
            for choices in by_rows.values()
            for way in _fitting(choices, more)
            for kernel in way.kernels
            for position, columns in _columns_of(x, kernel, way.widths)
        }
    )


def _in_units(x: Network, other: Network, named: Collection[str]) -> Parts:
    """Take kernels apart into the narrowest that either side has, if both are then as many."""
    own, others = _shapes(x), _shapes(other)
    more, theirs = own - others, others - own
    columns: dict[int, tuple[np.ndarray, ...]] = {}
    for rows in {shape[:-1] for shape in more}:
        both = [{shape[-1]: count for shape, count in each.items() if shape[:-1] == rows}
                for each in (more, theirs)]  # fmt: skip
        widths = {width for each in both for width in each}
        parts = {width: width // min(widths) for width in widths}
        whole = all(width % min(widths) == 0 and parts[width] in (1, *_COUNTS) for width in widths)
        ours, needed = (sum(parts[w] * count for w, count in each.items()) for each in both)
        if not whole or ours != needed:
            continue
        for width in (width for width in both[0] if parts[width] > 1):
            shape = (*rows, width)
            for kernel in _wholes(x, shape, more[shape], others[shape], named):
                columns.update(_columns_of(x, kernel, (min(widths),) * parts[width]))
    return Parts(columns)


def _fitting(choices: Sequence[list[_Way]], more: Counter[Shape]) -> list[_Way]:
    """Return one way for as many shapes as can be; none of many shapes, which nobody writes."""
    if len(choices) > _MOST:
        return []
    every = ([way for way in each if way] for each in product(*([None, *ways] for ways in choices)))
    return max((ways for ways in every if _use_up(ways, more)), key=len, default=[])


def _use_up(ways: Sequence[_Way], more: Counter[Shape]) -> bool:
    """Return whether the parts are all that the other side has more of in their shapes."""
    used = sum((way.used for way in ways), Counter[Shape]())
    return all(more[shape] == count for shape, count in used.items())


def _shapes(x: Network) -> Counter[Shape]:
    """Count the kernels of each shape, their ones left out."""
    every = (_plain(weight.values.shape) for weight in x.weights)
    return Counter(shape for shape in every if len(shape) > 1)


def _plain(shape: Shape) -> Shape:
    return tuple(k for k in shape if k != 1)


def _wholes(
    x: Network, shape: Shape, count: int, alike: int, named: Collection[str]
) -> tuple[int, ...]:
    """Return the kernels of a shape that may be several side by side, if they are so many.

    Where the other side has some of this shape, too, those are meant that are taken apart at once.
    """
    every = [k for k, weight in enumerate(x.weights) if _plain(weight.values.shape) == shape]
    found = [k for k in every if _may_be_several(x, k, named)]
    if alike:
        found = [k for k in found if _readers(x, k)]
    return tuple(found) if len(found) == count else ()


def _may_be_several(x: Network, kernel: int, named: Collection[str]) -> bool:
    """Return whether all layers that have a kernel treat its columns alike, and have it alone."""
    layers = [layer for layer in x.layers if kernel in layer.weights]
    width = x.weights[kernel].values.shape[-1]
    return len({layer.weights for layer in layers}) == 1 and all(
        layer.facts.kind in _KINDS
        and layer.facts.values.get("groups", 1) == 1
        and not {layer.path, *(x.weights[k].name for k in layer.weights)} & {*named}
        and all(x.weights[k].values.shape in ((width,), x.weights[kernel].values.shape)
                for k in layer.weights)
        and layer.output is not None
        and layer.output.shape[-1:] == (width,)
        for layer in layers
    )  # fmt: skip


def _ways(kernels: tuple[int, ...], shape: Shape, more: Counter[Shape]) -> Iterator[_Way]:
    """Yield the widths that parts may have: equal ones, or those of fewer keys than queries."""
    *rows, width = shape
    narrow = [each[-1] for each in more if [*each[:-1]] == rows]
    widths = [(width // k,) * k for k in _COUNTS if width % k == 0]
    widths += [(first, rest // 2, rest // 2) for first in narrow
               if (rest := width - first) > 0 and rest % 2 == 0 and rest != 2 * first]  # fmt: skip
    if kernels:
        yield from (_Way(kernels, (*rows,), each) for each in widths if {*each} <= {*narrow})


def _columns_of(
    x: Network, kernel: int, widths: tuple[int, ...]
) -> Iterator[tuple[int, tuple[np.ndarray, ...]]]:
    """Yield the columns of each part, for a kernel and its bias."""
    layer = next(layer for layer in x.layers if kernel in layer.weights)
    parts, heads = len(widths), _heads(x, kernel, len(widths)) if len({*widths}) == 1 else 1
    if heads > 1:  # each head has its queries, keys and values together
        every = np.arange(sum(widths)).reshape(heads, parts, -1)
        columns = tuple(every[:, k].ravel() for k in range(parts))
    else:
        columns = tuple(np.split(np.arange(sum(widths)), np.cumsum(widths)[:-1]))
    for position in layer.weights:
        yield position, columns


def _readers(x: Network, kernel: int) -> list[LayerTrace]:
    """Return what is given just what a layer returns, and only takes it apart or rearranges it."""
    layer = next(layer for layer in x.layers if kernel in layer.weights)
    z = layer.output
    return [
        each
        for each in x.layers
        if z is not None
        and (each.rearranges or each.facts.kind == _SPLIT)
        and each.inputs
        and np.array_equal(each.inputs[0], z)
    ]


def _heads(x: Network, kernel: int, parts: int) -> int:
    """Return into how many heads what a layer returns is taken apart before it is into parts."""
    for reader in _readers(x, kernel):
        z, r = reader.inputs[0], reader.output
        if r is not None and _takes_every(parts, z, r):
            return z.shape[-1] // parts
        if r is None or r.ndim <= z.ndim or r.shape[: z.ndim - 1] != z.shape[:-1]:
            continue
        first, *_, last = axes = r.shape[z.ndim - 1 :]
        if len(axes) == 3:
            return first if axes[1] == parts != first else 1
        if len(axes) == 2 and last % parts == 0:
            read = {a.shape[-1] for each in x.layers for a in each.inputs if a.ndim > z.ndim}
            return first if first % parts or (last // parts in read and last not in read) else 1
    return 1


def _takes_every(parts: int, z: np.ndarray, r: np.ndarray) -> bool:
    """Return whether one array is every second column of the other, or every third, ..."""
    every = (z[..., k::parts] for k in range(parts))
    return r.ndim == z.ndim and any(np.array_equal(r, each) for each in every)
