"""What a page says of its experiment, checked once, where the page says it."""

from collections.abc import Sequence
from dataclasses import fields
from math import isfinite
from typing import TYPE_CHECKING, Any, get_args

from datasets.dataset import Source
from frameworks.errors import printable
from frameworks.program import name_of
from frameworks.spec import Spec
from frameworks.task import TASKS, Task
from frameworks.validation import spec_of

if TYPE_CHECKING:
    from experiments.harness.experiment import Experiment

__all__ = ["check_experiment"]

_LARGEST = 2**53  # whole numbers below it are the same in every program that reads JSON


def check_experiment(experiment: "Experiment") -> None:
    """Raise TypeError or ValueError, in one sentence, for what no experiment can be."""
    for name in ("page", "data"):
        if not isinstance(value := getattr(experiment, name), str):
            raise TypeError(f"{name} must be text, got {value!r}")
    if not isinstance(experiment.spec, Spec):
        raise TypeError(f"spec must be a frameworks.Spec, got {experiment.spec!r}")
    _check_spec(experiment.spec)
    if not callable(experiment.load):
        raise TypeError(f"load must be a function, got {experiment.load!r}")
    _check_builders(experiment.builders, experiment.spec)
    if not isinstance(experiment.task, Task):
        tasks = ", ".join(name.upper().replace(" ", "_") for name in TASKS)
        raise TypeError(f"task must be one of frameworks.task's {tasks}, got {experiment.task!r}")
    _check_band(experiment.band)
    _check_sources("certified_epochs", experiment.certified_epochs)
    _check_phases(experiment.phases, experiment.task)


def _check_spec(spec: Spec) -> None:
    for field in fields(spec):
        if not _is_storable(value := getattr(spec, field.name)):
            raise TypeError(
                f"spec.{field.name} must be a finite number, printable text, None, or a tuple of "
                f"such, got {value!r}"
            )
    for name in ("epochs", "batch_size", "inputs", "outputs"):
        value, is_shape = getattr(spec, name), name in ("inputs", "outputs")
        sides = value if is_shape and isinstance(value, tuple) and value else (value,)
        if not all(type(side) is int and side >= 1 for side in sides):
            kind = "whole numbers, each" if is_shape else "a whole number,"
            raise ValueError(f"spec.{name} must be {kind} 1 or more, got {value!r}")


def _is_storable(value: Any, depth: int = 2) -> bool:
    """Return whether a record can hold a value: tuples may hold tuples, but those no others."""
    if isinstance(value, tuple):
        return depth > 0 and all(_is_storable(each, depth - 1) for each in value)
    if isinstance(value, float):
        return isfinite(value)
    if isinstance(value, str):
        return value == printable(value)
    return value is None or (isinstance(value, int) and abs(value) < _LARGEST)


def _check_builders(builders: Any, spec: Spec) -> None:
    if not isinstance(builders, Sequence) or not builders:
        raise TypeError(f"builders must be a tuple of functions, got {builders!r}")
    for build in builders:
        if not callable(build) or not name_of(build).startswith("build_"):
            raise TypeError(
                "builders must be functions named build_ and an implementation, as build_scratch "
                f"is; got {build!r}"
            )
        if spec_of(build) != spec:
            raise ValueError(
                f"{name_of(build)} has another spec by default than spec={spec!r}; records would "
                "name numbers that nothing was trained with"
            )


def _check_phases(phases: Any, task: Task) -> None:
    from experiments.harness.phases import Phase

    if not isinstance(phases, Sequence) or not all(isinstance(each, Phase) for each in phases):
        raise TypeError(f"phases must be a tuple of Phase, got {phases!r}")
    names = [each.name for each in phases]
    for name in names:
        if not isinstance(name, str) or not name.strip() or name != printable(name):
            raise TypeError(f"a phase must be named by printable text, got {name!r}")
        if names.count(name) > 1:
            raise ValueError(f"two phases are called {name!r}; the later could not name the other")
    for each in phases:
        if not isinstance(each.spec, Spec):
            raise TypeError(f"spec of phase {each.name!r} must be a frameworks.Spec")
        _check_spec(each.spec)
        if not isinstance(each.validate, int | float) or not 0 <= each.validate < 1:
            raise ValueError(
                f"validate of phase {each.name!r} must be a share of the rows, from 0 to less than "
                f"1, got {each.validate!r}"
            )
    if phases and phases[-1].task not in (None, task):
        raise ValueError(
            f"task of the last phase, {names[-1]!r}, must be the experiment's, whose answers it "
            "gives"
        )


def _check_sources(name: str, by_source: Any) -> None:
    """Raise for a key that is no source of data: nothing would ever look it up."""
    for source in by_source:
        if source not in get_args(Source):
            raise ValueError(
                f"{name} is by the data's source, {' or '.join(map(repr, get_args(Source)))}, "
                f"got {source!r}"
            )


def _check_band(band: Any) -> None:
    if not isinstance(band, dict):
        raise TypeError(f"band must be a dict of pairs by the data's source, got {band!r}")
    _check_sources("band", band)
    for source, pair in band.items():
        is_pair = isinstance(pair, tuple) and len(pair) == 2
        if not is_pair or not all(isinstance(x, int | float) and isfinite(x) for x in pair):
            raise TypeError(f"band must hold a pair of numbers for {source!r}, got {pair!r}")
        if pair[0] > pair[1]:
            raise ValueError(f"band must be the least, then the largest value, got {pair!r}")
