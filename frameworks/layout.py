"""How a framework's own parameters correspond to the canonical weights, layer by layer.

The canonical weights are those of scratch's layers, in their order. One framework keeps a matrix
transposed, another the biases of two gates in one array: each layer's layout says how its arrays
read in both directions. The same holds for whatever is shaped like weights, such as gradients.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["Arrays", "Layout", "Layouts"]

Arrays = Sequence[np.ndarray]


@dataclass(frozen=True)
class Layout:
    """One layer's own parameters, and how arrays of their shapes become `count` canonical ones."""

    own: list[Any]  # the framework's, in its order
    count: int
    to_canonical: Callable[[Arrays], list[np.ndarray]] = list
    from_canonical: Callable[[Arrays], list[np.ndarray]] = list

    @classmethod
    def same(cls, *own: Any) -> "Layout":
        """Return the layout of parameters that are canonical as they are; None is left out."""
        present = [parameter for parameter in own if parameter is not None]
        return cls(present, len(present))

    @classmethod
    def joined(cls, first: "Layout", second: "Layout") -> "Layout":
        """Return the layout of a layer that is made of two, one after the other."""
        both = Layouts([first, second])
        return cls(both.own, first.count + second.count, both.to_canonical, both.from_canonical)


class Layouts:
    """The layouts of all layers, in order, as one."""

    def __init__(self, layouts: Iterable[Layout]) -> None:
        self._layouts = [layout for layout in layouts if layout.own]
        self.own = [parameter for layout in self._layouts for parameter in layout.own]

    def require(self, trained: Iterable[tuple[str, Any]], others: Iterable[Any] = ()) -> None:
        """Raise TypeError unless these are all that is trained, by name, and perhaps some others.

        A hook may train another parameter than the layer's own, and compute that one from it.
        """
        own, there = {id(p) for p in self.own}, {id(p) for p in others}
        for name, parameter in trained:
            there.add(id(parameter))
            if id(parameter) not in own:
                raise TypeError(
                    f"build: {name} is trained, but its canonical layout is not known, so that no "
                    "initial weights would set it, nor early stopping restore it; let a layer of "
                    "your own in the network hold it, derived from none of the framework's layers"
                )
        for parameter in self.own:
            if id(parameter) not in there:
                raise TypeError(
                    f"build: the weight of shape {tuple(parameter.shape)} is computed from others, "
                    "so that it cannot be set; compute it in a layer of your own"
                )

    def to_canonical(self, arrays: Arrays) -> list[np.ndarray]:
        """Return the canonical arrays for one of each own parameter's shape."""
        found: list[np.ndarray] = []
        rest = list(arrays)
        for layout in self._layouts:
            k = len(layout.own)
            found += layout.to_canonical(rest[:k])
            rest = rest[k:]
        return [np.asarray(a, order="C") for a in found]  # which leaves a single number one

    def from_canonical(self, arrays: Arrays) -> list[np.ndarray]:
        """Return one array of each own parameter's shape for the canonical ones."""
        found: list[np.ndarray] = []
        rest = list(arrays)
        for layout in self._layouts:
            found += layout.from_canonical(rest[: layout.count])
            rest = rest[layout.count :]
        if rest:
            raise ValueError(f"{len(rest)} weights more than the network has")
        return found
