"""A port: one model as its users write it in Keras and in PyTorch, and what they get wrong.

The expectations of a mistake were written down before `diverge` was asked.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import keras
import torch

from lockstep import Report, Training, diverge

__all__ = ["Mistake", "Port"]


class Mistake(NamedTuple):
    """One realistic mistake: what is changed on one side, and what the report should say of it."""

    name: str
    changes: Mapping[str, Any]  # arguments of the side's builder
    level: str  # of the first difference; several are separated by |
    place: str  # a regular expression that the place, in lower case, matches somewhere
    cause: str  # a regular expression of the right cause
    side: str = "pytorch"  # whose builder gets the changes


class Port(NamedTuple):
    """A model in both frameworks, aligned as far as the frameworks' own arguments go."""

    name: str
    data: Callable[[], tuple[Any, Any]]
    keras: Callable[..., Training]
    pytorch: Callable[..., Training]
    mistakes: tuple[Mistake, ...]
    options: Mapping[str, Any] = {}
    explained: str = ""  # the cause of a difference that no argument of the frameworks closes

    def compare(
        self, steps: int, mistake: Mistake | None = None, *, swapped: bool = False, **options: Any
    ) -> Report:
        """Compare the two sides, one perhaps with a mistake; swapped, the PyTorch side first."""
        keras.utils.set_random_seed(0)
        torch.manual_seed(0)
        changes = {} if mistake is None else {mistake.side: mistake.changes}
        sides = [
            build(**changes.get(name, {}))
            for name, build in (("keras", self.keras), ("pytorch", self.pytorch))
        ]
        a, b = sides[::-1] if swapped else sides
        X, y = self.data()
        return diverge(a, b, X, y, steps=steps, batch_size=16, **self.options, **options)
