"""What the suite has to know of an implementation; each folder beside this file ends in one."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from frameworks.blueprint import Blueprint
from frameworks.program import Builder

__all__ = ["Backend", "LineStyle", "Peer"]


@dataclass(frozen=True)
class LineStyle:
    """How an implementation is drawn: by colour, and by dashes and markers where there is none."""

    colour: int  # a place in the report's palette
    width: float  # a broad line stays visible under those that are drawn over it
    dashes: tuple[float, ...]
    marker: str


@dataclass(frozen=True)
class Peer:
    """Another way to train what an implementation's builder builds, timed beside it.

    It is made by calling `loop`, a class of the implementation's `peers` module that keeps the
    protocol `frameworks.peers.MakeLoop`, with the options.
    """

    name: str
    loop: str
    about: str
    options: Mapping[str, bool] = field(default_factory=dict)
    stock_epsilon: bool = False  # Adam adds its ε where PyTorch does
    own_draws: bool = False  # other weights and batches, so that its loss proves nothing
    family: str = ""  # whose fastest is named in the headline; the implementation's if not said


@dataclass(frozen=True)
class Backend:
    """One implementation: a way to train what a page's builders build."""

    name: str
    title: str  # as it is written in a sentence: "PyTorch"
    folder: str  # its package, whose modules are loaded when they are needed
    packages: tuple[str, ...]  # what has to be installed
    classifier: str  # the names of its estimators
    regressor: str
    style: LineStyle
    estimators: str = "adapter"  # the module of its folder that defines them
    builder: str = ""  # the name of the builders that it trains, if not its own
    variables: Mapping[str, str] = field(default_factory=dict)  # environment of its processes
    dtypes: tuple[str, ...] = ("float64", "float32")
    default: bool = True  # trained unless others are named
    timed: bool = True  # by `lockstep bench` unless others are named
    native: str | None = (
        "train"  # the function in its `native` module; None: no defaults of its own
    )
    together: str | None = None  # the function in its `together` module that trains several seeds
    loop: str | None = None  # the plain loop in its `peers` module that `fit` is timed against
    peers: tuple[Peer, ...] = ()
    install: str = "make setup"

    @property
    def builders(self) -> str:
        """The name of the builders that it trains."""
        return self.builder or self.name

    def cannot_train(self, blueprint: Blueprint, dtype: str, native: bool = False) -> str:
        """Say why it cannot train a blueprint, or return an empty string."""
        if dtype not in self.dtypes:
            return f"{self.name} computes in {' and '.join(self.dtypes)} only, not in {dtype}"
        if native and self.native is None:
            return f"{self.name} has no defaults of its own, which --native asks for"
        if self.builders not in blueprint.builders:
            there_are = ", ".join(f"build_{name}" for name in blueprint.builders) or "none"
            return f"{blueprint.name} has no build_{self.builders}; there are: {there_are}"
        return ""

    def missing(self) -> str | None:
        """Return what is to be told if a package is not installed; nothing is loaded to see."""
        absent = [package for package in self.packages if find_spec(package) is None]
        if not absent:
            return None
        return f"{self.name}: {' and '.join(absent)} not installed; run: {self.install}"

    def make(
        self,
        blueprint: Blueprint,
        change: Callable[[Builder], Builder] = lambda build: build,
        **parameters: Any,
    ) -> Any:
        """Return the estimator for a blueprint, or for what `change` makes of its builder.

        Loads the framework.
        """
        build = change(blueprint.builders[self.builders])
        kind = self.classifier if blueprint.task.estimator == "classifier" else self.regressor
        return self.load(self.estimators, kind)(build=build, **parameters)

    def load(self, module: str, name: str) -> Any:
        """Return what a module of its folder defines; the framework is loaded with it."""
        return getattr(import_module(f"{self.folder}.{module}"), name)
