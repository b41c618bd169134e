"""The canonical weights of a Keras model, in the order in which its layers run."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from frameworks.keras.live.layers import Leaf, of_keras
from frameworks.keras.live.recording import Call
from frameworks.keras.loading import keras
from frameworks.layout import Layout, Layouts
from frameworks.live.turned import is_turned

__all__ = ["WeightTable", "transposed_kernels"]


class WeightTable:
    """Weights and states by position; one that several layers share has one position.

    `transposed` identifies the kernels (d_out, d_in) of layers of the user's own.
    """

    def __init__(self, leaves: Iterable[Leaf], transposed: Collection[int] = ()) -> None:
        self._transposed = transposed
        self.names: list[str] = []
        self.trainable: list[bool] = []
        self.state_names: list[str] = []
        self.states: list[keras.Variable] = []
        self._layouts: list[Layout] = []
        self._positions: dict[tuple[int, ...], tuple[int, ...]] = {}  # by the variables' identities
        self._state_positions: dict[int, int] = {}
        for leaf in leaves:
            self._add(leaf)
        self._all = Layouts(self._layouts)
        self.own: list[keras.Variable] = self._all.own

    def _add(self, leaf: Leaf) -> None:
        names = [f"{leaf.path}.{name}" for name in leaf.names]
        if leaf.layout.to_canonical is list:  # each variable is one array
            for name, variable in zip(names, leaf.layout.own, strict=True):
                turned = id(variable) in self._transposed
                self._add_layout(
                    _of_transposed(variable) if turned else Layout.same(variable), [name]
                )
        else:
            self._add_layout(leaf.layout, names)
        for variable in leaf.states:
            if id(variable) not in self._state_positions:
                self._state_positions[id(variable)] = len(self.states)
                self.states.append(variable)
                self.state_names.append(f"{leaf.path}.{variable.name}")

    def _add_layout(self, layout: Layout, names: list[str]) -> None:
        key = _identities(layout)
        if key in self._positions:
            return
        first = len(self.names)
        self._positions[key] = tuple(range(first, first + layout.count))
        self._layouts.append(layout)
        self.names += names
        self.trainable += [all(v.trainable for v in layout.own)] * layout.count

    def positions(self, leaf: Leaf) -> tuple[int, ...]:
        """Return the positions of a layer's weights."""
        layout = leaf.layout
        each = map(Layout.same, layout.own) if layout.to_canonical is list else [layout]
        return tuple(i for part in each for i in self._positions[_identities(part)])

    def state_positions(self, leaf: Leaf) -> tuple[int, ...]:
        """Return the positions of what a layer learns without a gradient."""
        return tuple(self._state_positions[id(variable)] for variable in leaf.states)

    def canonical(self, values: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Return the canonical arrays for one of the shape of each of `own`."""
        return self._all.to_canonical(values)

    def by_variable(self, found: Mapping[int, np.ndarray]) -> list[np.ndarray]:
        """Return the canonical arrays for those of variables by identity; zeros for the others."""
        return self.canonical([_found(found, variable) for variable in self.own])

    def values(self, arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Return an array of the shape of each of `own` for the canonical ones."""
        return self._all.from_canonical(arrays)


def transposed_kernels(
    calls: Iterable[Call], to_numpy: Callable[[Any], np.ndarray]
) -> Iterator[int]:
    """Yield the ids of kernels that layers of the user's own hold transposed: W in f(x Wᵀ + b)."""
    for call in calls:
        kernels, biases = ([v for v in call.leaf.layout.own if len(v.shape) == n] for n in (2, 1))
        known = call.output is not None and bool(call.inputs)
        if of_keras(type(call.leaf.layer)) or len(kernels) != 1 or not known:
            continue
        x, z = map(to_numpy, (call.inputs[0], call.output))
        added = [to_numpy(b.value) for b in biases if z.shape[-1:] == tuple(b.shape)]
        if is_turned(x, to_numpy(kernels[0].value), z, bias=sum(added)):
            yield id(kernels[0])


def _of_transposed(kernel: keras.Variable) -> Layout:
    return Layout([kernel], 1, lambda a: [a[0].T], lambda a: [a[0].T])


def _identities(layout: Layout) -> tuple[int, ...]:
    return tuple(map(id, layout.own))


def _found(found: Mapping[int, np.ndarray], variable: keras.Variable) -> np.ndarray:
    if id(variable) in found:
        return found[id(variable)]
    return np.zeros(tuple(variable.shape), variable.dtype)
