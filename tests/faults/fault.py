"""What a fault is, and how it is planted: at run time, in one side, and gone afterwards."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import pytest

from datasets import Dataset
from experiments.harness.experiment import Experiment
from experiments.harness.sides import split_of
from frameworks import Builder, Parts
from frameworks.diverge import Side
from scratch import Sequential

from ..experiments.planting import changed, load, rebuilt

# Rows and epochs that show a fault: enough for several steps, an unfilled batch, another epoch.
SIZES = {
    "perceptron": {"epochs": 40},
    "xor": {"epochs": 40},
    "circle": {"epochs": 40},
    "churn": {"epochs": 3, "limit": 95},
    "mnist": {"epochs": 2, "limit": 300},
    "chains": {"epochs": 2, "limit": 28},
    "machine": {"epochs": 2, "limit": 28},
    "small_gan": {"epochs": 2, "limit": 600},
    "small_sorting": {"epochs": 2, "limit": 100},
}
CATALOGUE: list["Fault"] = []
SEVERAL = 6  # in `make test` every sixth fault is planted


@dataclass(frozen=True)
class Fault:
    """One mistake that people make, and what is expected of the suite."""

    name: str
    says: str  # in one sentence
    area: str
    level: str  # at which `diverge` has to name it
    place: str  # a part of the place that it has to name
    experiment: Experiment
    faulty: str  # the implementation that it is planted in
    clean: str  # and the one that it is held against
    cause: str | None  # a part of the right cause; None where no numbers can show one
    named: str  # what `diverge` makes of it: "right", "none", or "symptom", which is a shortcoming
    plant: Callable[["Plant"], None]

    def judge(self, said: str | None) -> str:
        """Return whether a cause that is named is the right one.

        "right", "none", "wrong", or "symptom" if it is true, and follows from the fault.
        """
        if said is None:
            return "none"
        if self.cause is None or self.cause not in said:
            return "wrong"
        return "symptom" if self.named == "symptom" else "right"

    @contextmanager
    def planted(self) -> Iterator["Plant"]:
        """Plant the fault."""
        with pytest.MonkeyPatch.context() as patch:
            plant = Plant(self, patch)
            self.plant(plant)
            yield plant


def sized(experiment: Experiment, **options: Any) -> dict[str, Any]:
    """Return the options of a training of a size that suits the experiment."""
    return SIZES.get(experiment.name, {}) | options


def side(experiment: Experiment, implementation: str, **options: Any) -> Side:
    """Make one side."""
    split = split_of(experiment, load(experiment))
    return Side(experiment.blueprint, implementation, split, **sized(experiment, **options))


class Plant:
    """What a fault may do: to code, to a builder's parts, to data. Only its own side sees it."""

    def __init__(self, fault: Fault, patch: pytest.MonkeyPatch) -> None:
        self.fault, self.patch, self.experiment = fault, patch, fault.experiment
        self.options: dict[str, Any] = {}

    def sides(self, dtype: str) -> tuple[Side, Side]:
        """Make the clean side and the faulty one."""
        clean = side(self.fault.experiment, self.fault.clean, dtype=dtype)
        return clean, side(self.experiment, self.fault.faulty, dtype=dtype, **self.options)

    def parts(self, change: Callable[[Parts], Parts | None]) -> None:
        """Let the builder return what `change` makes of its parts, or changed in place."""
        self.experiment = changed(self.experiment, self.fault.faulty, change)

    def build(self, make: Callable[[Builder], Builder]) -> None:
        """Build with `make(the builder)`."""
        self.experiment = rebuilt(self.experiment, self.fault.faulty, make)

    def layers(self, change: Callable[[list[Any]], list[Any] | None]) -> None:
        """Let a scratch network have other layers; `change` gets a list of them."""

        def change_layers(parts: Parts) -> Parts:
            layers = list(parts.network.layers)
            return parts._replace(network=Sequential(*(change(layers) or layers)))

        self.parts(change_layers)

    def data(self, change: Callable[[Dataset], dict[str, Any]]) -> None:
        """Let `load` return data with other arrays."""

        def load_changed(policy: str, data_dir: None) -> Dataset:
            data = self.fault.experiment.load(policy, data_dir)
            return replace(data, **change(data))

        self.experiment = replace(self.experiment, load=load_changed)


def fault(
    name: str,
    says: str,
    at: str,
    experiment: Experiment,
    between: str,
    cause: str | None = None,
    named: str | None = None,
) -> Callable[[Callable[[Plant], None]], Callable[[Plant], None]]:
    """Enter a fault into the catalogue; `between` names the clean side, then the faulty one.

    `at`: the level and the place that have to be named, as in "forward, layer 2". `cause`: a part
    of the right cause, or of the symptom if that is all that is `named`. The area is the name of
    the file.
    """

    def enter(plant: Callable[[Plant], None]) -> Callable[[Plant], None]:
        clean, faulty = between.split(",")
        area = plant.__module__.rpartition(".")[2].replace("_", " ")
        level, _, place = at.partition(", ")
        expected = named or ("none" if cause is None else "right")
        found = Fault(name, says, area, level, place, experiment, faulty, clean, cause, expected,
                      plant)  # fmt: skip
        CATALOGUE.append(found)
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
