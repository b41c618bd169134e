"""Programs in Monte Carlo arithmetic: their own objects are nudged, which their steps hold on to.

See `nudge` for what a nudge is. Nudged are the results of every layer, of a page's own layer all
that its methods return, every optimizer's gradient and new parameters, and a step's values. What a
step computes otherwise is not: its numbers follow from those that are.
"""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from frameworks.program import Program
from frameworks.scratch.walking import leaves
from scratch import Dropout, Layer

if TYPE_CHECKING:
    from frameworks.agreement.nudge import Nudge, Ties

__all__ = ["nudged_in_place"]


def nudged_in_place(program: Program, places: Iterator["Nudge"], ties: "Ties") -> Program:
    """Nudge a program's own layers and optimizers in place; return it with a nudged step."""
    for layer in (each for network in program.networks for each in leaves(network)):
        if not isinstance(layer, Dropout):
            for name in _methods(layer):
                setattr(layer, name, _nudged_method(getattr(layer, name), next(places)))
    for optimizer in program.optimizers:
        _nudge_optimizer(optimizer, next(places), next(places))
    step, value = program.step, next(places)

    def nudged_step(*arguments: Any) -> dict[str, float]:
        ties.look()
        found = step(*arguments)
        return {name: value(np.array([float(x)]))[0] for name, x in found.items()}

    return program._replace(step=nudged_step)


def _methods(layer: Layer) -> list[str]:
    """Return the names of what a layer computes; of one of the page's own, all its methods."""
    own = [name for name in vars(type(layer)) if name not in vars(Layer) and name[0] != "_"]
    others = [] if type(layer).__module__.startswith("scratch.") else own
    return ["forward", "backward", *(name for name in others if callable(getattr(layer, name)))]


def _nudged_method(method: Callable[..., Any], nudge: "Nudge") -> Callable[..., Any]:
    """Return a method whose results are nudged if they are numbers, and not whole ones."""

    def nudged_method(*arguments: Any, **options: Any) -> Any:
        a = method(*arguments, **options)
        exact = not isinstance(a, np.ndarray) or a.dtype.kind != "f" or (a == np.rint(a)).all()
        return a if exact else nudge(a.copy())

    return nudged_method


def _nudge_optimizer(optimizer: Any, gradient: "Nudge", value: "Nudge") -> None:
    step = optimizer.step

    def nudged_step(theta: np.ndarray, g: np.ndarray) -> None:
        step(theta, gradient(g))
        value(theta)

    optimizer.step = nudged_step
