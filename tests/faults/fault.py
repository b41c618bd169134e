"""What a fault is, and how it is planted: at run time, in one side, and gone afterwards."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache
from types import SimpleNamespace
from typing import Any

import pytest

from datasets import Dataset
from frameworks.diverge import Side
from frameworks import Parts, Spec
from scratch import Sequential

# Rows and epochs that show a fault: enough for several steps, an unfilled batch, another epoch.
SIZES = {
    "perceptron": {"epochs": 40},
    "xor": {"epochs": 40},
    "circle": {"epochs": 40},
    "churn": {"epochs": 3, "limit": 95},
    "mnist": {"epochs": 2, "limit": 300},
}
CATALOGUE: list["Fault"] = []


@dataclass(frozen=True)
class Fault:
    """One mistake that people make, and what is expected of the suite."""

    name: str
    says: str  # in one sentence
    area: str
    level: str  # at which `diverge` has to name it
    page: Any
    faulty: str  # the implementation that it is planted in
    clean: str  # and the one that it is held against
    cause: str  # a part of the cause that `diverge` has to name; "" where it may be silent
    plant: Callable[["Plant"], None]

    @contextmanager
    def planted(self, dtype: str = "float64") -> Iterator[tuple[Side, Side]]:
        """Plant the fault, and give the clean side and the faulty one."""
        with pytest.MonkeyPatch.context() as patch:
            plant = Plant(self, patch)
            self.plant(plant)
            clean = side(self.page, self.clean, {"dtype": dtype})
            yield clean, side(plant.page, self.faulty, plant.options | {"dtype": dtype})


def side(page: Any, implementation: str, options: dict[str, Any] | None = None) -> Side:
    """Make one side, of a size that suits its page."""
    name = page.__name__.rpartition(".")[2]
    data = _load(page.load)
    return Side(page, implementation, data, **(SIZES.get(name, {}) | (options or {})))


@lru_cache
def _load(load: Callable[[str, None], Dataset]) -> Dataset:
    return load("stand-in", None)


class Plant:
    """What a fault may do: to code, to a builder's parts, to data. Only its own side sees it."""

    def __init__(self, fault: Fault, patch: pytest.MonkeyPatch) -> None:
        self.fault, self.patch, self.options = fault, patch, {}
        self.page = SimpleNamespace(**vars(fault.page))

    def parts(self, change: Callable[[Parts], Parts | None]) -> None:
        """Let the builder return what `change` makes of its parts, or changed in place."""
        name, spec = f"build_{self.fault.faulty}", self.page.SPEC
        build = getattr(self.fault.page, name)

        def changed(spec: Spec = spec) -> Parts:
            parts = build(spec)
            return change(parts) or parts

        setattr(self.page, name, changed)

    def layers(self, change: Callable[[list[Any]], list[Any] | None]) -> None:
        """Let a scratch network have other layers; `change` gets a list of them."""

        def change_layers(parts: Parts) -> Parts:
            layers = list(parts.network.layers)
            return parts._replace(network=Sequential(*(change(layers) or layers)))

        self.parts(change_layers)

    def data(self, change: Callable[[Dataset], dict[str, Any]]) -> None:
        """Let `load` return data with other arrays."""
        load = self.fault.page.load

        def changed(policy: str, data_dir: None) -> Dataset:
            data = load(policy, data_dir)
            return replace(data, **change(data))

        self.page.load = changed


def fault(
    name: str,
    says: str,
    level: str,
    page: Any,
    between: str,
    cause: str = "",
) -> Callable[[Callable[[Plant], None]], Callable[[Plant], None]]:
    """Enter a fault into the catalogue; `between` names the clean side, then the faulty one.

    The area is the name of the file.
    """

    def enter(plant: Callable[[Plant], None]) -> Callable[[Plant], None]:
        clean, faulty = between.split(",")
        area = plant.__module__.rpartition(".")[2].replace("_", " ")
        CATALOGUE.append(Fault(name, says, area, level, page, faulty, clean, cause, plant))
        return plant

    return enter


def swap(layers, cls, other):
    """Put `other(layer)` in the place of every layer of a class."""
    return [other(layer) if type(layer) is cls else layer for layer in layers]


def rebased(cls):
    """Make a layer of another class of an existing one, which keeps all that it has."""

    def change(layer):
        layer.__class__ = cls
        return layer

    return change


def optimizer(plant, make):
    """Put another optimizer into a scratch network's parts: `make(parts, own)`."""
    plant.parts(lambda parts: parts._replace(optimizer=make(parts, parts.optimizer)))


def of_class(cls):
    """Make the optimizer one of another class, with the numbers that it has."""

    def make(parts, own):
        own.__class__ = cls
        return own

    return make
