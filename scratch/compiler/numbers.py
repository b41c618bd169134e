"""What a step has of its optimizer: the numbers that belong to it, and what it keeps."""

from typing import Any

import numpy as np

from scratch.compiler.packing import FEW
from scratch.optimizers.optimizer import State

__all__ = ["Numbers", "join_state"]


class Numbers:
    """The numbers that an optimizer's `advance` gives for each step, in arrays for noted calls."""

    def __init__(self, optimizer: Any, g: np.ndarray) -> None:
        self.optimizer, self.g = optimizer, g
        self.values = optimizer.advance(g)
        self.cells = [np.array(value, g.dtype) for value in self.values]

    def put_into(self, cells: list[np.ndarray]) -> None:
        """Put the numbers into other arrays from now on."""
        self.cells = cells
        for cell, value in zip(cells, self.values, strict=True):
            cell.fill(value)

    def advance(self) -> None:
        """Count a step, and put its numbers where they belong."""
        values = self.optimizer.advance(self.g)
        if values != self.values:
            for cell, value, before in zip(self.cells, values, self.values, strict=True):
                if value != before:
                    cell.fill(value)
            self.values = values


def join_state(state: State) -> list[np.ndarray]:
    """Put what an optimizer keeps of few parameters into one array, m and v into (2, p).

    Return that array; none if there is nothing to be joined.
    """
    names = [name for name, a in state.items() if a.ndim]
    if not names or len({(state[name].shape, state[name].dtype) for name in names}) > 1:
        return []
    first = state[names[0]]
    joined, shape = first.base, (len(names), *first.shape)
    if isinstance(joined, np.ndarray) and (joined.shape, joined.dtype) == (shape, first.dtype):
        return [joined] if all(state[name].base is joined for name in names) else []
    if first.nbytes > FEW:
        return []
    joined = np.stack([state[name] for name in names])
    state.update(zip(names, joined, strict=True))
    return [joined]
