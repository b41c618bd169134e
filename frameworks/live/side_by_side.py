"""Layers that hold several side by side, as of queries, keys and values, compared as these.

One dense layer (d, 3 d) computes what three (d, d) do. Where the other side has the three, the one
is taken apart: its columns, and what it returns, are those of three layers. So is a convolution.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product

import numpy as np

from frameworks.live.correspondence import Network
from frameworks.recordings.trace import LayerTrace, StepTrace, Trace, Weight

__all__ = ["WHOLE", "Parts", "parts_of"]

Shape = tuple[int, ...]
Arrays = Sequence[np.ndarray]

_KINDS = ("dense", "convolution", "matrix product", "addmm")
_COUNTS = (2, 3, 4)  # of equal parts: a gate, queries with keys and values, the gates of a cell
_WIDTH = ("units", "filters")  # in the facts
_SPLIT = "split"  # the kind of what returns several arrays


@dataclass(frozen=True)
class Parts:
    """The columns of each part of weights that are several side by side, by their positions."""

    columns: Mapping[int, tuple[np.ndarray, ...]] = field(default_factory=dict)

    def apart(self, arrays: Arrays) -> list[np.ndarray]:
        """Return arrays shaped as the weights, those that are several as these."""
        return [part for k, a in enumerate(arrays) for part in self._split(k, a)]

    def together(self, arrays: Arrays) -> list[np.ndarray]:
        """Return what `apart` was given."""
        left, found = iter(arrays), list[np.ndarray]()
        while (first := next(left, None)) is not None:
            columns = self.columns.get(len(found))
            if columns is not None:
                rest = [first, *(next(left) for _ in columns[1:])]
                first = np.empty((*first.shape[:-1], sum(map(len, columns))), first.dtype)
                for at, part in zip(columns, rest, strict=True):
                    first[..., at] = part
            found.append(first)
        return found

    def largest(self, sizes: Sequence[float]) -> list[float]:
        """Return a number for each weight as it is: the largest of its parts'."""
        left, found = iter(sizes), list[float]()
        while (first := next(left, None)) is not None:
            rest = self.columns.get(len(found), ())[1:]
            found.append(max([first, *(next(left) for _ in rest)]))
        return found

    def _split(self, position: int, a: np.ndarray) -> list[np.ndarray]:
        columns = self.columns.get(position)
        return [a] if columns is None else [a[..., at] for at in columns]

    def weights(self, weights: Sequence[Weight]) -> list[Weight]:
        """Return the weights, those that are several as these: qkv[0].kernel, qkv[1].kernel, ..."""
        return [
            replace(weight, name=name, values=values)
            for k, weight in enumerate(weights)
            for name, values in zip(self._names(k, weight), self._split(k, weight.values),
                                    strict=True)
        ]  # fmt: skip

    def _names(self, position: int, weight: Weight) -> list[str]:
        if position not in self.columns:
            return [weight.name]
        path, dot, part = weight.name.rpartition(".")
        if part not in ("kernel", "bias"):
            path, dot, part = weight.name, "", ""
        return [f"{path}[{k}]{dot}{part}" for k in range(len(self.columns[position]))]

    def layers(self, layers: Sequence[LayerTrace]) -> list[LayerTrace]:
        """Return the layers, those that hold several as these."""
        if not self.columns:
            return [*layers]
        return [part for layer in layers for part in self._parts(layer)]

    def _parts(self, layer: LayerTrace) -> Iterator[LayerTrace]:
        columns = next((self.columns[k] for k in layer.weights if k in self.columns), None)
        if columns is None:
            yield replace(layer, weights=tuple(map(self._start, layer.weights)))
            return
        width = sum(map(len, columns))
        for k, at in enumerate(columns):
            own = {name: len(at) for name, x in layer.facts.values.items()
                   if name in _WIDTH and x == width}  # fmt: skip
            facts = replace(layer.facts, values={**layer.facts.values, **own})
            yield replace(
                layer,
                path=f"{layer.path}[{k}]" if layer.path else "",
                facts=facts,
                weights=tuple(self._start(i) + k for i in layer.weights),
                output=_columns(layer.output, at),
                training_output=_columns(layer.training_output, at),
                unread=_columns(layer.unread, at),
            )

    def _start(self, position: int) -> int:
        """Return where a weight is, or its first part, among all that `apart` returns."""
        return position + sum(len(each) - 1 for k, each in self.columns.items() if k < position)

    def network(self, network: Network) -> Network:
        """Return a network with the layers and weights that are several as these."""
        layers, weights = self.layers(network.layers), self.weights(network.weights)
        return replace(network, layers=layers, weights=weights)

    def trace(self, trace: Trace) -> Trace:
        """Return a trace, but for its layers, with the weights that are several as these."""
        if not self.columns:
            return trace
        shorter = trace.shorter_gradients
        return replace(
            trace,
            weights=self.weights(trace.weights),
            gradients=self.apart(trace.gradients),
            shorter_gradients=None if shorter is None else self.apart(shorter),
            steps=[self._step(step) for step in trace.steps],
            final_weights=self.apart(trace.final_weights),
            kept=tuple(replace(each, weights=self.apart(each.weights)) for each in trace.kept),
        )

    def _step(self, step: StepTrace) -> StepTrace:
        gradients, weights = (None if x is None else self.apart(x)
                              for x in (step.gradients, step.weights))  # fmt: skip
        return replace(step, gradients=gradients, weights=weights)

    def note(self, network: Network, other: str) -> list[str]:
        """Say which layers of a network are compared as several, which the other side has."""
        counts = {
            layer.path or network.weights[k].name: len(self.columns[k])
            for layer in network.layers
            for k in layer.weights
            if k in self.columns
        }
        return [
            f"{path} of {network.name} holds {count} layers side by side that {other} has apart, "
            f"and is compared as {path}[0] to {path}[{count - 1}]"
            for path, count in counts.items()
        ]


WHOLE = Parts()


def _columns(x: np.ndarray | None, at: np.ndarray) -> np.ndarray | None:
    """Return some columns, or the one value that holds for all."""
    return x if x is None or not x.ndim else x[..., at]


def parts_of(a: Network, b: Network, named: Collection[str] = ()) -> tuple[Parts, Parts]:
    """Return which weights of two networks the other has apart, but for those of `named` layers.

    Known by the numbers of kernels: what one has more of, side by side, is all that the other has
    more of.
    """
    return _parts_of(a, b, named), _parts_of(b, a, named)


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
    more = others - own
    choices = [
        [None, *_ways(_wholes(x, shape, count, others[shape], named), shape, more)]
        for shape, count in (own - others).items()
    ]
    fitting = [ways for ways in (list(filter(None, each)) for each in product(*choices))
               if _use_up(ways, more)]  # fmt: skip
    return Parts(
        {
            position: columns
            for way in max(fitting, key=len, default=[])
            for kernel in way.kernels
            for position, columns in _columns_of(x, kernel, way.widths)
        }
    )


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
        if r is None or r.ndim <= z.ndim or r.shape[: z.ndim - 1] != z.shape[:-1]:
            continue
        first, *_, last = axes = r.shape[z.ndim - 1 :]
        if len(axes) == 3:
            return first if axes[1] == parts != first else 1
        if len(axes) == 2 and last % parts == 0:
            read = {a.shape[-1] for each in x.layers for a in each.inputs if a.ndim > z.ndim}
            return first if first % parts or (last // parts in read and last not in read) else 1
    return 1
