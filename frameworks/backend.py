"""What the suite must know about an implementation; each implementation's folder defines one."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from importlib.util import find_spec
from pkgutil import resolve_name
from typing import Any

from frameworks.blueprint import Blueprint
from frameworks.program import ProgramBuilder

__all__ = ["Backend", "LineStyle", "Peer"]


@dataclass(frozen=True)
class LineStyle:
    """How an implementation is drawn: its colour, and dashes and marker for black and white."""

    colour: int  # a place in the report's palette
    width: float  # a broad line stays visible below others
    dashes: tuple[float, ...]
    marker: str


@dataclass(frozen=True)
class Peer:
    """Another way to train the network of an implementation's builder, timed alongside it.

    It is made by calling `loop`, a class in the implementation's `peers` module that follows the
    protocol `frameworks.peers.MakeLoop`, with the options.
    """

    name: str
    loop: str
    about: str
    options: Mapping[str, bool] = field(default_factory=dict)
    stock_epsilon: bool = False  # Adam adds its ε where PyTorch does
    own_draws: bool = False  # its own weights and batches: its loss is not comparable
    family: str = ""  # whose fastest peer is named in the headline; default: the implementation
    packages: tuple[str, ...] = ()  # what else has to be installed
    variables: Mapping[str, str] = field(default_factory=dict)  # environment of its own process

    def missing(self) -> str | None:
        """Return a message if a package is not installed, else None; loads nothing."""
        return _missing(self.name, self.packages, "make setup")


@dataclass(frozen=True)
class Backend:
    """One implementation: a way to train the networks of a page's builders."""

    name: str
    title: str  # as written in a sentence: "PyTorch"
    folder: str  # its package, whose modules are loaded on demand
    packages: tuple[str, ...]  # that must be installed
    classifier: str  # the names of its estimators
    regressor: str
    style: LineStyle
    feature_learner: str = ""  # "": it trains none
    sequencer: str = ""
    estimators: str = "adapter"  # the module of its folder that defines the estimators
    builder: str = ""  # the name of the builders that it trains, if not its own
    variables: Mapping[str, str] = field(default_factory=dict)  # environment of its processes
    settle: str | None = None  # the function in its `loading` module that undoes a user's settings
    kernels: Mapping[str, str] = field(default_factory=dict)  # what sets them, and what reads them
    dtypes: tuple[str, ...] = ("float64", "float32")
    default: bool = True  # trained if no implementations are named
    timed: bool = True  # by `lockstep bench`, if none are named
    native: str | None = (
        "train"  # the function in its `native` module; None: it has no native defaults
    )
    together: str | None = None  # the function in its `together` module that trains several seeds
    loop: str | None = None  # the plain loop in its `peers` module that `fit` is timed against
    peers: tuple[Peer, ...] = ()
    control: str = ""  # a mode of scratch, with a function that it computes less exactly
    install: str = "make setup"

    @property
    def builders(self) -> str:
        """The name of the builders that it trains."""
        return self.builder or self.name

    def cannot_train(self, blueprint: Blueprint, dtype: str, native: bool = False) -> str:
        """Return why it cannot train a blueprint, or an empty string."""
        if native and self.native is None:
            return f"{self.name} has no defaults of its own, which --native requires"
        if dtype not in self.dtypes:
            return f"{self.name} computes in {' and '.join(self.dtypes)} only, not in {dtype}"
        if not getattr(self, blueprint.task.estimator):
            return f"{self.name} has no estimator for the task of {blueprint.name}"
        if self.builders not in blueprint.builders:
            there_are = ", ".join(f"build_{name}" for name in blueprint.builders) or "none"
            return f"{blueprint.name} has no build_{self.builders}; there are: {there_are}"
        return ""

    def missing(self) -> str | None:
        """Return a message if a package is not installed, else None; loads nothing."""
        return _missing(self.name, self.packages, self.install)

    def make(
        self,
        blueprint: Blueprint,
        change: Callable[[ProgramBuilder], ProgramBuilder] = lambda build: build,
        **parameters: Any,
    ) -> Any:
        """Return the estimator for a blueprint, with its builder changed by `change`.

        Loads the framework.
        """
        build = change(blueprint.builders[self.builders])
        kind = getattr(self, blueprint.task.estimator)
        return self.load(self.estimators, kind)(build=build, **parameters)

    def settled(self) -> None:
        """Load the framework, and give it the settings that pages are written for."""
        self.load(self.estimators, self.classifier)
        if self.settle:
            self.load("loading", self.settle)()

    def computes_by(self) -> dict[str, int | bool]:
        """Return the values of its settings of kernels and threads; the framework must be loaded.

        They are named as in `pkgutil.resolve_name`, or a function there returns them.
        """
        values = {name: resolve_name(value) for name, value in self.kernels.items()}
        return {name: value() if callable(value) else value for name, value in values.items()}

    def load(self, module: str, name: str) -> Any:
        """Return an object that a module of its folder defines; loads the framework."""
        return getattr(import_module(f"{self.folder}.{module}"), name)


def _missing(name: str, packages: tuple[str, ...], install: str) -> str | None:
    absent = [package for package in packages if find_spec(package) is None]
    if not absent:
        return None
    return f"{name}: {' and '.join(absent)} not installed; run: {install}"
